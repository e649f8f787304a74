// What one model, or one lambda of a merge, said so far, by what was asked; with the verdicts on it.

import type { Journal, StoredScore } from "../../evaluate/run/journal.js";
import type { Answer, Item, Scorer, Task } from "../../evaluate/types.js";
import type { EngineFacts } from "../../generate/types.js";
import type { Digest } from "../digests/digestOf.js";
import { RecordFiles, type RecordPlace } from "./recordFiles.js";
import { answerKey, verdictKey } from "./unitKeys.js";
import type { Verdicts } from "./verdicts.js";

const ANSWERS = "retemper-answers/1";

type AnswerRecord =
  /** `step` asked it first, by which its cost is counted. */
  { readonly unit: string; readonly step: string; readonly is: Answer } | { readonly model: ModelFacts };

/** What was learned of a model when it was opened. */
export interface ModelFacts {
  readonly engine: EngineFacts;
  /** SLERP: share of the vectors that take the straight line. */
  readonly straightShare?: number | undefined;
}

/** The journal of one model, or of one lambda of a merge. */
export class StoreJournal implements Journal {
  readonly #known = new Map<string, Answer>();
  readonly #verdicts = new Map<Scorer, Verdicts>();
  readonly #files: RecordFiles<AnswerRecord> | undefined;
  readonly #models: ModelFacts[] = [];
  /** By step: of the answers that it asked, also before it was killed. */
  readonly #tokens = new Map<string, number>();
  #step = "";

  constructor(place: RecordPlace | undefined) {
    const take = (record: AnswerRecord) => {
      if ("model" in record) this.#models.push(record.model);
      else if (!this.#known.has(record.unit)) {
        const { unit, step, is } = record;
        this.#known.set(unit, is);
        this.#tokens.set(step, (this.#tokens.get(step) ?? 0) + is.tokens);
      }
    };
    this.#files = place && new RecordFiles<AnswerRecord>({ ...place, head: { format: ANSWERS }, take });
  }

  static async open(place: RecordPlace): Promise<StoreJournal> {
    const journal = new StoreJournal(place);
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

  /** Answers that are added from now on are of this step. */
  asking(step: Digest<"step">): void {
    this.#step = nameOf(step);
  }

  /** New tokens that a step has asked. */
  newTokens(step: Digest<"step">): number {
    return this.#tokens.get(nameOf(step)) ?? 0;
  }

  answer(task: Task, item: Item, sample: number): Answer | undefined {
    return this.#known.get(answerKey(task, item, sample));
  }

  addAnswer(task: Task, item: Item, sample: number, is: Answer): boolean {
    const unit = answerKey(task, item, sample);
    if (this.#known.has(unit)) return false;
    if (this.#files) this.#files.add({ unit, step: this.#step, is });
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

/** As the step's folder is called. */
function nameOf(step: Digest<"step">): string {
  return step.slice(0, 16);
}
