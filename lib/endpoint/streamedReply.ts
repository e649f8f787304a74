// A reply that comes as a stream of events: its pieces are given on as they come, and make the whole reply at the end. If a
// connection breaks, the next one begins anew; what was given before is not given again.

import { StopTexts } from "../tokenizer/stopTexts.js";
import { readEvents } from "./eventStream.js";
import {
  type Choice,
  finishOf,
  Garbage,
  idsOf,
  isJson,
  logprobsOf,
  parseJson,
  placeOf,
  type Reply,
  readUsage,
} from "./reply.js";

/** Called for each piece of text; `id` is -1 where the server does not tell. */
export type GivePiece = (place: number, text: string, id: number) => void;

/** A choice in the making. */
interface Growing {
  readonly stops: StopTexts;
  text: string;
  finish: "stop" | "length" | undefined;
  readonly ids: number[];
  readonly logprobs: number[];
}

export class StreamedReply {
  readonly #stops: readonly string[];
  readonly #give: GivePiece;
  /** Text that was given away, over all tries. */
  readonly #given = new Map<number, string>();

  constructor(stops: readonly string[], give: GivePiece) {
    this.#stops = stops;
    this.#give = give;
  }

  /** @throws Garbage for a stream that is no reply, or ends before it does. */
  async read(chunks: AsyncIterable<Uint8Array>): Promise<Reply> {
    const choices = new Map<number, Growing>();
    let usage = { promptTokens: 0, newTokens: 0 };
    let done = false;
    for await (const data of readEvents(chunks)) {
      if (data.trim() === "[DONE]") {
        done = true;
        break;
      }
      const event = parseJson(data);
      if (event.error !== undefined) throw new Garbage(`its stream ends with an error: ${JSON.stringify(event.error)}`);
      if (isJson(event.usage)) usage = readUsage(event);
      for (const choice of Array.isArray(event.choices) ? event.choices : []) {
        if (isJson(choice)) this.#grow(choices, choice);
      }
    }
    const finished = [...choices].map(([place, growing]): Choice => this.#finish(place, growing));
    // Without either sign the connection may have been cut by a proxy that hides it.
    if (finished.length === 0 || (!done && [...choices.values()].some(({ finish }) => finish === undefined))) {
      throw new Garbage("its stream ends before the answer does");
    }
    return { choices: finished, ...usage };
  }

  #grow(choices: Map<number, Growing>, choice: Readonly<Record<string, unknown>>): void {
    const place = placeOf(choice, 0);
    let growing = choices.get(place);
    if (growing === undefined) {
      growing = { stops: new StopTexts(this.#stops), text: "", finish: undefined, ids: [], logprobs: [] };
      choices.set(place, growing);
    }
    const content = isJson(choice.delta) ? choice.delta.content : choice.text;
    const ids = idsOf(choice.token_ids);
    for (const id of ids) growing.ids.push(id);
    for (const logprob of logprobsOf(choice.logprobs) ?? []) growing.logprobs.push(logprob);
    if (choice.finish_reason !== undefined && choice.finish_reason !== null) {
      growing.finish = finishOf(choice.finish_reason);
    }
    if (typeof content === "string" && content !== "")
      this.#add(place, growing, growing.stops.add(content), ids.at(-1));
  }

  #finish(place: number, growing: Growing): Choice {
    this.#add(place, growing, growing.stops.end(), undefined);
    const { text, finish, ids, logprobs, stops } = growing;
    return {
      place,
      text,
      finish: stops.stopped ? "stop" : (finish ?? "stop"),
      ids,
      logprobs: logprobs.length > 0 || text === "" ? logprobs : undefined,
    };
  }

  #add(place: number, growing: Growing, text: string, id = -1): void {
    const before = this.#given.get(place) ?? "";
    growing.text += text;
    if (growing.text.length <= before.length) {
      if (!before.startsWith(growing.text)) throw different();
      return;
    }
    if (!growing.text.startsWith(before)) throw different();
    const piece = growing.text.slice(before.length);
    this.#given.set(place, growing.text);
    this.#give(place, piece, id);
  }
}

function different(): Garbage {
  return new Garbage("its connection broke in the middle of an answer, and its next answer is another one");
}
