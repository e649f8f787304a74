// Answers side by side, for people: where tuning changed the verdict, and what the merge says there.

import type { ItemResult, TaskResults } from "../../evaluate/run/results.js";
import type { ExampleAnswers } from "../../report/types.js";
import type { NamedResults, SeedResults } from "./measure.js";

const EACH = 4;

/** Of each task some of the items whose score tuning changed, from first to last, as the first seed answered. */
export function examplesOf(
  aligned: readonly SeedResults[],
  tuned: readonly SeedResults[],
  merged: NamedResults | undefined,
): ExampleAnswers[] {
  const columns = [
    { model: "aligned", tasks: aligned[0]?.results.tasks ?? [] },
    { model: "fine-tuned", tasks: tuned[0]?.results.tasks ?? [] },
    ...(merged ? [{ model: merged.name, tasks: merged.seeds[0]?.results.tasks ?? [] }] : []),
  ];
  return (columns[0]?.tasks ?? []).flatMap((task) => {
    // what was scored and not asked has no text to show
    if (task.items.some(({ answers }) => answers[0]?.logLikelihoods)) return [];
    const items = columns.map(({ tasks }) => itemsOf(tasks.find(({ name }) => name === task.name)));
    const changed = task.items.filter((item) => {
      const other = items[1]?.get(item.id);
      return other !== undefined && other.scores[task.primary] !== item.scores[task.primary];
    });
    const count = Math.min(EACH, changed.length);
    const some = Array.from(
      { length: count },
      (_, at) => changed[Math.floor((at * changed.length) / count)] as ItemResult,
    );
    return some.map((item) => ({
      task: task.name,
      id: item.id,
      ...(item.category !== undefined && { category: item.category }),
      sensitive: task.kind === "safety",
      answers: columns.map(({ model }, at) => ({ model, text: items[at]?.get(item.id)?.answers[0]?.text ?? "" })),
    }));
  });
}

function itemsOf(task: TaskResults | undefined): ReadonlyMap<string, ItemResult> {
  return new Map(task?.items.map((item) => [item.id, item]));
}
