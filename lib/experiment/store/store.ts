// All answers and verdicts of an experiment, by what decides them: a model that is asked the same again, for another lambda's
// sake or another margin's, is not asked. Studies and processes on several machines may share one.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Journal, StoredScore } from "../../evaluate/run/journal.js";
import type { Answer, Item, Scorer, Task } from "../../evaluate/types.js";
import type { EngineFacts } from "../../generate/types.js";
import { type Digest, digestOf } from "../steps/digestOf.js";
import { RecordFiles } from "./recordFiles.js";
import { answerKey, verdictKey } from "./unitKeys.js";

const ANSWERS = "retemper-answers/1";
const VERDICTS = "retemper-verdicts/1";

type AnswerRecord = { readonly unit: string; readonly is: Answer } | { readonly model: ModelFacts };

interface VerdictRecord {
  readonly of: string;
  readonly is: StoredScore;
}

/** What was learned of a model when it was opened. */
export interface ModelFacts {
  readonly engine: EngineFacts;
  /** SLERP: share of the vectors that take the straight line. */
  readonly straightShare?: number | undefined;
}

export class Store {
  readonly #folder: string;
  readonly #writer = randomBytes(6).toString("hex");
  readonly #answers = new Map<Digest<"answerer">, Promise<StoreJournal>>();
  readonly #verdicts = new Map<string, Promise<Verdicts>>();
  readonly #scorerDigest: (scorer: Scorer) => Digest<"scorers">;

  /**
   * @param folder gets answers/ and verdicts/
   * @param scorerDigest of a scorer's facts, in which its models stand by what they hold
   */
  constructor(folder: string, scorerDigest: (scorer: Scorer) => Digest<"scorers">) {
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
      journal = StoreJournal.open(join(this.#folder, "answers", answerer.slice(0, 32)), this.#writer);
      this.#answers.set(answerer, journal);
    }
    const opened = await journal;
    for (const scorer of scorers) opened.use(scorer, await this.#verdictsOf(scorer));
    return opened;
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

  #verdictsOf(scorer: Scorer): Promise<Verdicts> {
    const digest = this.#scorerDigest(scorer);
    let found = this.#verdicts.get(digest);
    if (!found) {
      found = Verdicts.open(join(this.#folder, "verdicts", digest.slice(0, 32)), this.#writer);
      this.#verdicts.set(digest, found);
    }
    return found;
  }
}

class Verdicts {
  readonly #known = new Map<string, StoredScore>();
  readonly files: RecordFiles<VerdictRecord>;

  private constructor(folder: string, writer: string) {
    this.files = new RecordFiles<VerdictRecord>({
      ...{ folder, writer, head: { format: VERDICTS } },
      take: ({ of, is }) => {
        if (!this.#known.has(of)) this.#known.set(of, is);
      },
    });
  }

  static async open(folder: string, writer: string): Promise<Verdicts> {
    const verdicts = new Verdicts(folder, writer);
    await verdicts.files.refresh();
    return verdicts;
  }

  get(of: string): StoredScore | undefined {
    return this.#known.get(of);
  }

  close(): void {
    this.files.close();
  }
}

/** The journal of one model, or of one lambda of a merge. */
export class StoreJournal implements Journal {
  readonly #known = new Map<string, Answer>();
  readonly #verdicts = new Map<Scorer, Verdicts>();
  readonly #files: RecordFiles<AnswerRecord> | undefined;
  readonly #models: ModelFacts[] = [];

  constructor(place: { readonly folder: string; readonly writer: string } | undefined) {
    const take = (record: AnswerRecord) => {
      if ("model" in record) this.#models.push(record.model);
      else if (!this.#known.has(record.unit)) this.#known.set(record.unit, record.is);
    };
    this.#files = place && new RecordFiles<AnswerRecord>({ ...place, head: { format: ANSWERS }, take });
  }

  static async open(folder: string, writer: string): Promise<StoreJournal> {
    const journal = new StoreJournal({ folder, writer });
    await journal.refresh();
    return journal;
  }

  /** Takes what other processes added. */
  async refresh(): Promise<void> {
    await this.#files?.refresh();
    for (const { files } of new Set(this.#verdicts.values())) await files.refresh();
  }

  use(scorer: Scorer, verdicts: Verdicts): void {
    this.#verdicts.set(scorer, verdicts);
  }

  /** The same whoever opened it first: of several, the first in the order of their texts. */
  get model(): ModelFacts | undefined {
    const texts = this.#models.map((one) => JSON.stringify(one)).sort();
    return texts[0] === undefined ? undefined : (JSON.parse(texts[0]) as ModelFacts);
  }

  opened(model: ModelFacts): void {
    const text = JSON.stringify(model);
    if (!this.#models.some((one) => JSON.stringify(one) === text)) this.#files?.add({ model });
  }

  answer(task: Task, item: Item, sample: number): Answer | undefined {
    return this.#known.get(answerKey(task, item, sample));
  }

  addAnswer(task: Task, item: Item, sample: number, is: Answer): boolean {
    const unit = answerKey(task, item, sample);
    if (this.#known.has(unit)) return false;
    if (this.#files) this.#files.add({ unit, is });
    else this.#known.set(unit, is);
    return true;
  }

  score(scorer: Scorer, task: Task, item: Item, sample: number): StoredScore | undefined {
    const answer = this.answer(task, item, sample);
    return answer && this.#of(scorer).get(verdictKey(scorer, task, item, answer));
  }

  addScore(scorer: Scorer, task: Task, item: Item, sample: number, is: StoredScore): boolean {
    const answer = this.answer(task, item, sample);
    if (!answer) return false;
    const verdicts = this.#of(scorer);
    const of = verdictKey(scorer, task, item, answer);
    if (verdicts.get(of)) return false;
    verdicts.files.add({ of, is });
    return true;
  }

  sync(): void {
    this.#files?.sync();
    for (const { files } of new Set(this.#verdicts.values())) files.sync();
  }

  close(): void {
    this.#files?.close();
  }

  #of(scorer: Scorer): Verdicts {
    const found = this.#verdicts.get(scorer);
    if (!found) throw new Error(`the journal was not opened for the verdicts of ${scorer.name}`);
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
