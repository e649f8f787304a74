// The text of a generation as it comes: whole characters only, held back while it could be the beginning of a stop text,
// and cut where one is complete.

import { StopTexts } from "./stopTexts.js";
import type { TextStream, Tokenizer } from "./types.js";

export interface StreamDecoderOptions {
  /** Left out by default. */
  readonly skipSpecialTokens?: boolean | undefined;
  /** Texts that end the generation; none of them empty. */
  readonly stop?: readonly string[] | undefined;
}

/** One generation's text. After its end, or a stop, all pieces together are `text`. */
export class StreamDecoder {
  readonly #stream: TextStream;
  readonly #stops: StopTexts;
  #text = "";
  #ended = false;

  /** @throws RetemperError USAGE for an empty stop text. */
  constructor(
    tokenizer: Pick<Tokenizer, "decodeStream">,
    { skipSpecialTokens = true, stop = [] }: StreamDecoderOptions = {},
  ) {
    this.#stops = new StopTexts(stop);
    this.#stream = tokenizer.decodeStream({ skipSpecialTokens });
  }

  /** Whether a stop text is complete: then there is nothing more to push. */
  get stopped(): boolean {
    return this.#stops.stopped;
  }

  /** All text given so far. */
  get text(): string {
    return this.#text;
  }

  /** Takes the next id; returns the text that it makes certain, "" while a character or a stop text may be incomplete. */
  push(id: number): string {
    return this.#grow(this.#stops.add(this.#stream.push(id), () => this.#stream.rest()));
  }

  /** Ends the generation; returns the text that was held back. */
  end(): string {
    if (this.#ended || this.stopped) return "";
    this.#ended = true;
    return this.#grow(this.#stops.add(this.#stream.rest()) + this.#stops.end());
  }

  #grow(text: string): string {
    this.#text += text;
    return text;
  }
}
