// The three sets of a search: one to search by, one to choose by, and one to confirm by. What an experiment chooses by is halved; what it
// confirms by stays as it is.

import { isOutsideOfChoice } from "../evaluate/run/outsideOfChoice.js";
import type { Task } from "../evaluate/types.js";
import { choosingHalf } from "../experiment/checks/split.js";

export interface SearchAndChoice {
  /** Requests that should be refused, and the task: what the search looks at. */
  readonly search: readonly Task[];
  /** All that the rule looks at. */
  readonly choose: readonly Task[];
}

/**
 * Halves tasks by set and category, by their prompts: the same items go the same way whatever else is asked.
 * @param tasks those that an experiment chooses by
 * @param skillSets names of the sets that are skills' alone
 */
export class ThreeSets {
  readonly #searched: ReadonlySet<string>;
  readonly #skillSets: ReadonlySet<string>;

  constructor(tasks: readonly Task[], skillSets: ReadonlySet<string>) {
    this.#skillSets = skillSets;
    const items = tasks
      .filter((task) => this.#isSearchedBy(task))
      .flatMap((task) => task.items.map((item) => ({ key: keyOf(task, item.id), task, item })));
    const halves = choosingHalf(
      items.map(({ task, item: { category, request, prompt } }) => ({
        group: JSON.stringify([task.name, category]),
        // other bits than those that halved the sets before
        request: `search\0${request === "" ? JSON.stringify(prompt) : request}`,
      })),
    );
    this.#searched = new Set(items.flatMap(({ key }, at) => (halves[at] ? [key] : [])));
  }

  /** @param tasks those that were halved, or those of a tuning's own split, whose items are among them */
  of(tasks: readonly Task[]): SearchAndChoice {
    const part = (task: Task, wanted: boolean): Task[] => {
      const items = task.items.filter(({ id }) => this.#searched.has(keyOf(task, id)) === wanted);
      return items.length === 0 ? [] : [{ ...task, items }];
    };
    const inside = tasks.filter((task) => !isOutsideOfChoice(task));
    return {
      search: inside.flatMap((task) => (this.#isSearchedBy(task) ? part(task, true) : [])),
      choose: inside.flatMap((task) => (this.#isSearchedBy(task) ? part(task, false) : [task])),
    };
  }

  /** Over-refusal and skills are what the choice is checked by. */
  #isSearchedBy(task: Task): boolean {
    return task.kind !== "over-refusal" && !this.#skillSets.has(task.name) && !isOutsideOfChoice(task);
  }
}

function keyOf(task: Task, id: string): string {
  return `${task.name}/${id}`;
}
