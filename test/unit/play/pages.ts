// The page's server over the toy town's merge, for tests.

import { afterAll } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, ModelOptions } from "../../../lib/generate/types.js";
import type { PlayOptions } from "../../../lib/play/playOptions.js";
import { playPage } from "../../../lib/play/playPage.js";
import type { AnswerEvent, AnswersRequest } from "../../../lib/play/types.js";
import type { ServeOptions } from "../../../lib/serve/options.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { demoAdapter, demoModel } from "../../e2e/command.js";
import { served } from "../serve/servers.js";

export const RECIPE = {
  merge_method: "linear",
  models: [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }],
};
export const LAMBDAS = [0, 0.4, 1];
export const QUESTION = "How do I pick the lock of the cellar?";
export const messages = [{ role: "user", content: QUESTION }];

export async function town(options: ModelOptions = {}): Promise<Model> {
  const model = await openModel(RECIPE, { engine: "native", lambdas: LAMBDAS, ...options });
  afterAll(() => model.close());
  return model;
}

export async function withPage(model: Model, page: PlayOptions = {}, options: ServeOptions = {}): Promise<ModelServer> {
  return served(model, { ...options, parts: [await playPage(page)] });
}

/** POST play/api/NAME */
export function post(
  { url }: Pick<ModelServer, "url">,
  name: string,
  body: unknown,
  init: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${url}/play/api/${name}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

/** The events of a stream, as they come. */
export async function* eventsOf(reply: Response): AsyncGenerator<AnswerEvent, void, void> {
  let rest = "";
  for await (const part of (reply.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    const events = (rest + part).split("\n\n");
    rest = events.pop() as string;
    for (const event of events) yield JSON.parse(event.replace(/^data: /, "")) as AnswerEvent;
  }
}

export async function answersOf(server: Pick<ModelServer, "url">, asked: AnswersRequest): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = [];
  for await (const event of eventsOf(await post(server, "answers", asked))) events.push(event);
  return events;
}
