// Asks a server for the samples of one prompt, in one request or more.

import { RetemperError } from "../errors.js";
import type { GenerateSettings } from "../generate/settings.js";
import type { GenerationPiece } from "../generate/types.js";
import { StopTexts } from "../tokenizer/stopTexts.js";
import { type Choice, Garbage, type Reply, readReply } from "./reply.js";
import { type Asked, requestBody } from "./requestBody.js";
import { type Server, sendRequest, textOf } from "./sendRequest.js";
import { StreamedReply } from "./streamedReply.js";

export interface AskOptions {
  readonly settings: GenerateSettings;
  /** Fields that are added to each request. */
  readonly extra: object;
  readonly onToken: ((piece: GenerationPiece) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A sample as the server gave it, cut at the stop texts. */
export interface Sample extends Omit<Choice, "place"> {
  readonly sample: number;
}

/**
 * Asks until there are all samples. Servers that know no `n` give one at a time.
 * @param give Called for each sample, with the tokens of the prompt; those of all answers of a request come with its first.
 * @throws RequestFailure; RetemperError INCOMPATIBLE where the server gives no log-probabilities.
 */
export async function askServer(
  server: Server,
  asked: Asked,
  options: AskOptions,
  give: (sample: Sample, tokens: Pick<Reply, "promptTokens" | "newTokens">) => void,
): Promise<void> {
  const end = asked.first + asked.count;
  for (let first = asked.first; first < end; ) {
    const reply = await request(server, { ...asked, first, count: end - first }, options);
    const choices = reply.choices.slice(0, end - first);
    for (const choice of choices) {
      const { place, ...sample } = cut(choice, options.settings.stop);
      checkLogprobs(sample, options.settings, server);
      const newTokens = place === 0 ? reply.newTokens : 0;
      give({ ...sample, sample: first + place }, { promptTokens: reply.promptTokens, newTokens });
    }
    first += choices.length;
  }
}

async function request(server: Server, asked: Asked, { settings, extra, onToken, signal }: AskOptions): Promise<Reply> {
  const stream = onToken !== undefined;
  const body = requestBody(asked, settings, { model: server.model, stream, extra });
  if (!stream)
    return await sendRequest(server, body, async (chunks) => inOrder(readReply(await textOf(chunks))), signal);
  const { index, first } = asked;
  const reply = new StreamedReply(settings.stop, (place, text, id) => {
    onToken({ index, sample: first + place, id, text });
  });
  return await sendRequest(server, body, async (chunks) => inOrder(await reply.read(chunks)), signal);
}

/** @throws Garbage unless the choices are numbered from 0 on. */
function inOrder(reply: Reply): Reply {
  const choices = [...reply.choices].sort((x, y) => x.place - y.place);
  if (choices.some(({ place }, at) => place !== at)) throw new Garbage("its choices are not numbered from 0 on");
  return { ...reply, choices };
}

/** A server that knows no stop texts goes on after them. */
function cut(choice: Choice, stops: readonly string[]): Choice {
  const filter = new StopTexts(stops);
  const text = filter.add(choice.text) + filter.end();
  return filter.stopped ? { ...choice, text, finish: "stop" } : choice;
}

function checkLogprobs({ logprobs }: { logprobs: unknown }, settings: GenerateSettings, { address }: Server): void {
  if (!settings.logprobs || logprobs !== undefined) return;
  throw new RetemperError("INCOMPATIBLE", `${address.shown} gives no log-probabilities`, {
    hint: "ask without logprobs, or start the server with them",
  });
}
