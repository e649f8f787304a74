// Asks several columns at once, in one request: one batch of the model. A column that leaves its request (its slider moved, it
// was taken away) is not listened to any more; once all have left, the request is given up.

import { batch } from "@preact/signals";
import type { AnswerEvent, AnswersRequest } from "../types.js";
import type { Api } from "./api.js";
import type { Answer, AnswerToken, Column } from "./columns.js";

export interface Question extends Omit<AnswersRequest, "points"> {
  /** The same for questions that are the same. */
  readonly asked: string;
}

interface Asking {
  readonly abort: AbortController;
  /** By their place in the request; undefined: it has left. */
  readonly columns: (Column | undefined)[];
}

export class Askings {
  readonly #api: Api;
  readonly #byColumn = new Map<Column, Asking>();

  constructor(api: Api) {
    this.#api = api;
  }

  get running(): readonly Column[] {
    return [...this.#byColumn.keys()];
  }

  /**
   * Asks all of `columns`.
   * @returns those that have a complete answer at the end: none of those that left before
   * @throws Failure; what has come until then stays
   */
  async ask(columns: readonly Column[], { asked, ...question }: Question): Promise<readonly Column[]> {
    for (const column of columns) this.leave(column);
    const asking: Asking = { abort: new AbortController(), columns: [...columns] };
    const points = columns.map(({ point }) => point.value);
    batch(() => {
      for (const column of columns) {
        this.#byColumn.set(column, asking);
        column.waiting.value = true;
      }
    });
    const take = (event: AnswerEvent) => {
      if (!("point" in event)) return;
      const column = asking.columns[event.point];
      if (column) takeEvent(column, { point: points[event.point] ?? {}, asked }, event);
    };
    try {
      for await (const events of this.#api.answers({ ...question, points }, asking.abort.signal)) {
        batch(() => {
          for (const event of events) take(event);
        });
      }
      return present(asking).filter(({ answer }) => answer.value?.state === "complete");
    } catch (error) {
      if (asking.abort.signal.aborted) return [];
      end(present(asking), "failed");
      throw error;
    } finally {
      for (const column of present(asking)) {
        this.#byColumn.delete(column);
        column.waiting.value = false;
      }
    }
  }

  /** The column asks for nothing any more; what it shows stays. */
  leave(column: Column): void {
    const asking = this.#byColumn.get(column);
    if (!asking) return;
    this.#byColumn.delete(column);
    asking.columns[asking.columns.indexOf(column)] = undefined;
    end([column], "stopped");
    if (present(asking).length === 0) asking.abort.abort();
  }

  stop(): void {
    batch(() => {
      for (const column of this.running) this.leave(column);
    });
  }
}

function present({ columns }: Asking): Column[] {
  return columns.filter((column) => column !== undefined);
}

function end(columns: readonly Column[], state: Answer["state"]): void {
  for (const { answer, waiting } of columns) {
    waiting.value = false;
    if (answer.value?.state === "writing") answer.value = { ...answer.value, state };
  }
}

type AboutAnswer = Extract<AnswerEvent, { readonly point: number }>;

function takeEvent({ answer, waiting }: Column, of: Pick<Answer, "point" | "asked">, event: AboutAnswer): void {
  const before = waiting.value ? undefined : answer.value;
  waiting.value = false;
  const writing: Answer = before ?? { ...of, tokens: [], state: "writing" };
  answer.value =
    "finish" in event
      ? { ...writing, state: "complete", text: event.text, cut: event.finish === "length" }
      : { ...writing, tokens: [...writing.tokens, tokenOf(event)] };
}

function tokenOf({ id, text, logprob, top }: AnswerToken): AnswerToken {
  return { id, text, logprob, top };
}
