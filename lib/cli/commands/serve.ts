// `retemper serve MODEL`: a model behind OpenAI's API, until a signal stops it.

import { type Command, InvalidArgumentError } from "commander";
import {
  type ModelServer,
  openModel,
  openWithAdapters,
  type Recipe,
  RetemperError,
  type ServedRequest,
  serve,
} from "../../index.js";
import {
  type AnswerFlags,
  addLocalEngineOptions,
  addRecipeOptions,
  addSamplingOptions,
  describeEngine,
  modelOptions,
  type RecipeFlags,
  warnFromDisk,
} from "../generationFlags.js";
import { addPageOptions, type OpenedPage, openPage, type PageFlags } from "../pageFlags.js";
import { parseInteger, parseSize } from "../quantities.js";
import type { Renderer } from "../render.js";
import { addCommonOptions, type Session } from "../session.js";

export interface ServeFlags
  extends PageFlags,
    RecipeFlags,
    Pick<AnswerFlags, "maxNewTokens" | "temperature" | "topK" | "topP" | "repetitionPenalty"> {
  readonly host: string;
  readonly port: number;
  readonly allowedHost?: readonly string[];
  readonly name?: string;
  readonly loraFolder?: string;
  readonly apiKey?: string;
  readonly slots?: number;
  readonly queue?: number;
  readonly maxTokens?: number;
  readonly maxAnswers?: number;
  readonly bodyLimit?: number;
  readonly grace: number;
}

const KEY_VARIABLE = "RETEMPER_SERVE_API_KEY";

const HELP = `
  POST /v1/chat/completions, /v1/completions    with "stream": true as server-sent events
  POST /v1/load_lora_adapter, unload_lora_adapter  adapters below --lora-folder, as vLLM has them
  GET  /v1/models                               what "model" may be in requests
  GET  /play/                                   with --ui: a page that shows what lambda does
  GET  /health, /metrics                        for supervisors and Prometheus; no key is asked for

SIGTERM or Ctrl-C stops it: new requests are refused, those in flight have --grace seconds to end. A second signal ends it
at once.

Examples:
  retemper serve path/to/model
  retemper serve recipe.yml --lambda 0.2:0.8:0.2
  curl localhost:8000/v1/completions -H 'content-type: application/json' -d '{"lambda": 0.37, "prompt": "The sea"}'
  retemper serve recipe.yml --ui
  curl localhost:8000/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"messages": [{"role": "user", "content": "Hello"}]}'
  ${KEY_VARIABLE}=$(openssl rand -hex 16) retemper serve path/to/model --host 0.0.0.0 --port 80`;

export function addServeCommand(program: Command, session: Session): Command {
  const command = program
    .command("serve")
    .summary("serve a model as OpenAI's API does")
    .description("Serves a model as OpenAI's API does: chat completions, completions, models.")
    .argument("[model]", "folder of a model, name on the hub, or recipe")
    .addHelpText("after", HELP);
  addServerOptions(command, 8000);
  command
    .optionsGroup("The page:")
    .option("--ui", "a page at /play/, on which lambda is moved; retemper play opens it, too");
  addPageOptions(command);
  return command.action(async (path: string | undefined, { ui, ...flags }: ServeFlags & { readonly ui?: boolean }) => {
    const misplaced = ["prompts", "set", "refusals", "judge"].find((name) => name in flags);
    if (!ui && misplaced !== undefined)
      throw new RetemperError("USAGE", `--${misplaced} is of the page: give --ui too`);
    if (path === undefined) throw new RetemperError("USAGE", "missing required argument 'model'");
    const source = { source: path };
    await serveModel(source, flags, session, ui ? await openPage(flags, session, source) : undefined);
  });
}

/** The options of a server and of its model. */
export function addServerOptions(command: Command, port: number): void {
  command
    .optionsGroup("The server:")
    .option("--host <address>", "address to listen on; 0.0.0.0: all of this machine's", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0: any that is free", parsePort, port)
    .option(
      "--allowed-host <name>",
      "a further name that requests may call this server by; *: any (may be repeated)",
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option("--name <name>", "what requests call the model (default: the last part of its path)", parseName)
    .option("--lora-folder <folder>", "opens the adapters below it too, which requests may load and name")
    .option("--api-key <key>", `required of all that is asked of the model (better: the variable ${KEY_VARIABLE})`)
    .option("--slots <n>", "answers computed at once (default 32, on a GPU 128)", parseInteger(1))
    .option("--queue <n>", "requests that may wait for slots; more get 429 (default 128)", parseInteger(0))
    .option("--max-tokens <n>", "new tokens that a request may ask for in one answer (default 4096)", parseInteger(1))
    .option("--max-answers <n>", "answers that one request may ask for (default 128)", parseInteger(1))
    .option("--body-limit <size>", "bytes of a request (default 4MiB)", parseSize)
    .option("--grace <seconds>", "time that requests in flight have to end when it is stopped", parseInteger(0), 30)
    .optionsGroup("Defaults of requests:");
  addSamplingOptions(
    command,
    "new tokens at most (default: chat 1024, completions 16)",
    "0 is greedy (default 1, as OpenAI's)",
  );
  addRecipeOptions(command, "values of lambda that are listed as models, NAME@lambda=0.6; requests may name others");
  addLocalEngineOptions(command);
  addCommonOptions(command);
}

/** What is opened, and how where the flags do not say. */
export interface Served {
  readonly source: string | Recipe;
  readonly lambdas?: readonly number[] | undefined;
  /** Of the method's random masks. */
  readonly seed?: number | undefined;
}

/**
 * Serves until a signal stops it.
 * @param page is closed in the end
 * @param opened told the page's address
 */
export async function serveModel(
  { source, lambdas, seed }: Served,
  flags: ServeFlags,
  session: Session,
  page?: OpenedPage,
  opened: (url: string) => void = () => {},
): Promise<void> {
  const { renderer, signal } = session;
  try {
    if (flags.engine === "endpoint")
      throw new RetemperError("USAGE", "serve runs the model itself: not on an endpoint");
    const { lambdas: named = lambdas, ...own } = { ...modelOptions(flags, session), seed };
    const { loraFolder: folder } = flags;
    if (folder !== undefined && named !== undefined)
      throw new RetemperError("USAGE", "--lora-folder is of a model, and --lambda of a recipe");
    const { model, adapters } =
      folder === undefined
        ? { model: await openModel(source, { ...own, lambdas: named }), adapters: undefined }
        : await openWithAdapters(source, folder, own);
    warnFromDisk(model, session);
    try {
      const requests = { served: 0, failed: 0 };
      const onRequest = (request: ServedRequest) => {
        requests.served += 1;
        if (request.error !== undefined) requests.failed += 1;
        tell(request, renderer);
      };
      const server = await serve(model, {
        ...optionsOf(flags, session),
        adapters,
        parts: page && [page.part],
        onRequest,
      });
      const pageUrl = page && `${server.url}/play/`;
      listening(server, pageUrl, `by ${describeEngine(model)}`, flags, session);
      if (pageUrl !== undefined) opened(pageUrl);
      await aborted(signal);
      renderer.note("stopping: requests in flight may end, new ones are refused; a second signal ends it at once");
      await server.close();
      renderer.result({ url: server.url, requests, engine: model.facts }, "");
    } finally {
      await model.close();
    }
  } finally {
    await page?.close();
  }
}

function optionsOf(flags: ServeFlags, { env }: Session) {
  const { host, port, allowedHost: allowedHosts, name, slots, queue, maxTokens, maxAnswers, bodyLimit, grace } = flags;
  const { maxNewTokens, temperature, topK, topP, repetitionPenalty } = flags;
  const apiKey = flags.apiKey ?? env[KEY_VARIABLE];
  const limits = { slots, queue, maxTokens, maxAnswers, bodyLimit, graceMs: grace * 1000 };
  const defaults = { maxNewTokens, temperature, topK, topP, repetitionPenalty };
  return { host, port, allowedHosts, name, apiKey, ...limits, defaults };
}

function parsePort(text: string): number {
  const port = parseInteger(0)(text);
  if (port > 65_535) throw new InvalidArgumentError("The last port is 65535.");
  return port;
}

function parseName(name: string): string {
  if (name.includes("@")) throw new InvalidArgumentError("A name has no @: it separates the lambda from it.");
  return name;
}

function listening(
  { url, models }: ModelServer,
  page: string | undefined,
  by: string,
  { host, apiKey }: ServeFlags,
  { renderer, env }: Session,
): void {
  if (!/^(127\.|::1$|localhost$)/.test(host) && (apiKey ?? env[KEY_VARIABLE]) === undefined) {
    renderer.warn(`whoever can reach ${host} can use the model: there is no API key (${KEY_VARIABLE})`);
  }
  const event = { event: "listening", url, models, ...(page !== undefined && { page }) };
  if (renderer.json) renderer.event(event);
  else
    renderer.answer(
      `${url}/v1 serves ${models.join(", ")} ${by}\n${page === undefined ? "" : `${page} is the page\n`}`,
    );
}

/** Reports failures of the server itself; with --json every request. */
function tell({ error, ...request }: ServedRequest, renderer: Renderer): void {
  const event = { event: "request", ...request };
  renderer.event(event);
  if (error !== undefined) renderer.warn(`a request failed: ${error instanceof Error ? error.message : String(error)}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
