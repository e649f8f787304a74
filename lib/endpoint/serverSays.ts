// What a server tells of its model beside answers, where it offers that: llama.cpp's /props, /apply-template and /tokenize, vLLM's
// /tokenize, Ollama's /api/show. Nothing of it is needed: a server that has none of these says nothing.

import type { ChatMessage, Prompt } from "../generate/types.js";
import { parseAddress } from "./address.js";
import { isJson } from "./reply.js";
import { isConversation } from "./requestBody.js";

/** Sampling where a request says nothing, by the names of generation_config.json. */
export type SamplingDefaults = Readonly<Record<string, number>>;

export interface ServerSays {
  /** Which program it is by what it answers. */
  readonly program: "llama.cpp" | "vllm" | "ollama" | undefined;
  /** Its Jinja template. Ollama's is of another language. */
  readonly template: string | undefined;
  /** As tools for its format name them: "Q4_K_M". */
  readonly storage: string | undefined;
  readonly sampling: SamplingDefaults | undefined;
  /** The texts of its special tokens. */
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  /** Token ids of a prompt as the server would read it; undefined where it does not tell. */
  promptIds(prompt: Prompt, signal?: AbortSignal): Promise<readonly number[] | undefined>;
}

export interface SaidBy {
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string | undefined;
}

/** Longest wait for one of these answers, in milliseconds. */
const PATIENCE = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** Asks once. A path that the server does not have is no failure. @throws RetemperError USAGE for a wrong address */
export async function askServerSays(server: SaidBy, signal?: AbortSignal): Promise<ServerSays> {
  const address = parseAddress(server.url);
  const root = new URL(address.method("models"));
  root.pathname = root.pathname.replace(/(\/v\d+)?\/models$/, "/");
  const ask = async (path: string, body?: object): Promise<Json | undefined> => {
    signal?.throwIfAborted();
    const patience = AbortSignal.timeout(PATIENCE);
    try {
      const response = await fetch(new URL(path, root), {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(server.apiKey && { authorization: `Bearer ${server.apiKey}` }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A redirect might lead the key to another host.
        redirect: "manual",
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
      });
      if (!response.ok || Number(response.headers.get("content-length") ?? 0) > MOST_BYTES) {
        await response.body?.cancel();
        return undefined;
      }
      const value: unknown = await response.json();
      return isJson(value) ? value : undefined;
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  };
  const props = await ask("props");
  if (props !== undefined && isJson(props.default_generation_settings)) return llamaCpp(props, ask);
  const shown = await ask("api/show", { model: server.model });
  if (shown !== undefined && isJson(shown.details)) return ollama(shown);
  const tokens = await ask("tokenize", { model: server.model, prompt: "a" });
  return { ...NOTHING, ...(idsIn(tokens) !== undefined && vllm(server.model, ask)) };
}

type Ask = (path: string, body?: object) => Promise<Json | undefined>;

const NOTHING: ServerSays = {
  ...{ program: undefined, template: undefined, storage: undefined, sampling: undefined },
  ...{ bosToken: undefined, eosToken: undefined },
  promptIds: async () => undefined,
};

function llamaCpp(props: Json, ask: Ask): ServerSays {
  const settings = props.default_generation_settings as Json;
  const path = textOf(props.model_path) ?? "";
  return {
    program: "llama.cpp",
    template: textOf(props.chat_template),
    // Names of files are the only place where it tells the type.
    storage: /(?:^|[-._])(I?Q\d\w*|F16|BF16|F32)(?:[-.]|$)/i.exec(path.split("/").at(-1) ?? "")?.[1]?.toUpperCase(),
    sampling: samplingOf(isJson(settings.params) ? settings.params : settings),
    bosToken: textOf(props.bos_token),
    eosToken: textOf(props.eos_token),
    promptIds: async (prompt) => {
      if (typeof prompt !== "string" && !isConversation(prompt)) return prompt;
      const text = typeof prompt === "string" ? prompt : textOf((await ask("apply-template", chat(prompt)))?.prompt);
      if (text === undefined) return undefined;
      return idsIn(await ask("tokenize", { content: text, add_special: true, parse_special: true }));
    },
  };
}

function vllm(model: string, ask: Ask): Partial<ServerSays> {
  return {
    program: "vllm",
    promptIds: async (prompt) => {
      if (typeof prompt === "string") return idsIn(await ask("tokenize", { model, prompt }));
      return isConversation(prompt) ? idsIn(await ask("tokenize", { model, ...chat(prompt) })) : prompt;
    },
  };
}

function ollama(shown: Json): ServerSays {
  const details = shown.details as Json;
  const lines = (textOf(shown.parameters) ?? "").split("\n").map((line) => line.trim().split(/\s+/));
  const named = Object.fromEntries(lines.flatMap(([key, value]) => (key && value ? [[key, Number(value)]] : [])));
  return { ...NOTHING, program: "ollama", storage: textOf(details.quantization_level), sampling: samplingOf(named) };
}

function chat(messages: readonly ChatMessage[]) {
  return { messages, add_generation_prompt: true };
}

function samplingOf(settings: Json): SamplingDefaults | undefined {
  const names = {
    temperature: "temperature",
    top_p: "top_p",
    top_k: "top_k",
    min_p: "min_p",
    repeat_penalty: "repetition_penalty",
  };
  const found = Object.entries(names).flatMap(([theirs, ours]) => {
    const value = settings[theirs];
    return typeof value === "number" && Number.isFinite(value) ? [[ours, value] as const] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function idsIn(answer: Json | undefined): readonly number[] | undefined {
  const tokens = answer?.tokens;
  return Array.isArray(tokens) && tokens.every(Number.isSafeInteger) ? (tokens as number[]) : undefined;
}
