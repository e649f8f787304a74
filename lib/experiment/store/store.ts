// All answers and verdicts of an experiment, by what decides them: a model that is asked the same again, for another lambda's
// sake or another margin's, is not asked. Studies and processes on several machines may share one.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Scorer } from "../../evaluate/types.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { RecordPlace } from "./recordFiles.js";
import { StoreJournal } from "./storeJournal.js";
import { Verdicts } from "./verdicts.js";

export class Store {
  readonly #folder: string;
  readonly #shared: boolean;
  readonly #writer = randomBytes(6).toString("hex");
  readonly #answers = new Map<Digest<"answerer">, Promise<StoreJournal>>();
  readonly #verdicts = new Map<string, Promise<Verdicts>>();
  readonly #scorerDigest: (scorer: Scorer) => Digest<"scorers">;

  /**
   * @param folder gets answers/ and verdicts/
   * @param scorerDigest of a scorer's facts, in which its models stand by what they hold
   * @param shared whether processes of other machines may be writing there
   */
  constructor(folder: string, scorerDigest: (scorer: Scorer) => Digest<"scorers">, shared = false) {
    this.#shared = shared;
    this.#folder = folder;
    this.#scorerDigest = scorerDigest;
  }

  /**
   * What a model said so far, with the verdicts of these scorers.
   * @param scorers that will be asked for; others have no verdicts in it
   */
  async journal(answerer: Digest<"answerer">, scorers: readonly Scorer[]): Promise<StoreJournal> {
    let journal = this.#answers.get(answerer);
    if (!journal) {
      journal = StoreJournal.open(this.#place("answers", answerer));
      this.#answers.set(answerer, journal);
    }
    const opened = await journal;
    for (const scorer of scorers) opened.use(scorer, await this.#verdictsOf(scorer));
    return opened;
  }

  /** The journals that were opened. */
  async opened(): Promise<readonly StoreJournal[]> {
    return Promise.all(this.#answers.values());
  }

  /** For answers that are given and no model's. */
  async given(scorers: readonly Scorer[]): Promise<StoreJournal> {
    const journal = new StoreJournal(undefined);
    for (const scorer of scorers) journal.use(scorer, await this.#verdictsOf(scorer));
    return journal;
  }

  close(): void {
    for (const one of [...this.#answers.values(), ...this.#verdicts.values()]) {
      void one.then((opened) => opened.close()).catch(() => undefined);
    }
  }

  #place(kind: "answers" | "verdicts", digest: string): RecordPlace {
    return { folder: join(this.#folder, kind, digest.slice(0, 32)), writer: this.#writer, shared: this.#shared };
  }

  #verdictsOf(scorer: Scorer): Promise<Verdicts> {
    const digest = this.#scorerDigest(scorer);
    let found = this.#verdicts.get(digest);
    if (!found) {
      found = Verdicts.open(this.#place("verdicts", digest));
      this.#verdicts.set(digest, found);
    }
    return found;
  }
}

/** A scorer by its name and facts. @param byDigest of a model that it asks: what it holds */
export function scorerDigestWith(byDigest: (value: unknown) => unknown): (scorer: Scorer) => Digest<"scorers"> {
  const known = new WeakMap<Scorer, Digest<"scorers">>();
  return (scorer) => {
    let digest = known.get(scorer);
    if (!digest) {
      digest = digestOf("scorers", [scorer.name, byDigest(scorer.facts)]);
      known.set(scorer, digest);
    }
    return digest;
  };
}
