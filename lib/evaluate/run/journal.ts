// The port of what an evaluation of one model has so far: its answers, and what scorers said of them. Where it is kept, and by
// what names, is the journal's own matter.

import type { Answer, Item, Scorer, Task, Values } from "../types.js";

export interface StoredScore {
  readonly values: Values;
  readonly detail?: string | undefined;
}

export interface Journal {
  answer(task: Task, item: Item, sample: number): Answer | undefined;
  /** Keeps the first answer: what is here is never asked, or judged, twice. @returns whether it was new */
  addAnswer(task: Task, item: Item, sample: number, is: Answer): boolean;
  score(scorer: Scorer, task: Task, item: Item, sample: number): StoredScore | undefined;
  /** @returns whether it was new */
  addScore(scorer: Scorer, task: Task, item: Item, sample: number, is: StoredScore): boolean;
  /** Makes everything so far outlast a power failure. @throws RetemperError IO, also where the journal was removed */
  sync(): void;
}
