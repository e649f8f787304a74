// Answers side by side, for people: where tuning changed the verdict, and what the merge says there.

import type { ItemResult, TaskResults } from "../../evaluate/run/results.js";
import type { Item, Task } from "../../evaluate/types.js";
import type { ExampleAnswers } from "../../report/types.js";
import type { NamedResults, SeedResults } from "../tables/measure.js";

const EACH = 4;
/** Characters of a request, an expected answer or an answer. */
const LONGEST = 4000;

/**
 * Of each task some of the items whose score tuning changed, from first to last, as the first seed answered, with what was asked.
 * @param asked the test's tasks: where requests and expected answers come from, which evaluations do not keep
 */
export function examplesOf(
  aligned: readonly SeedResults[],
  tuned: readonly SeedResults[],
  merged: NamedResults | undefined,
  asked: readonly Task[],
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
    const known = new Map(asked.find(({ name }) => name === task.name)?.items.map((one) => [one.id, one]));
    return some.map((item) => ({
      task: task.name,
      id: item.id,
      ...wantedOf(known.get(item.id)),
      ...(item.category !== undefined && { category: item.category }),
      sensitive: task.kind === "safety",
      answers: columns.map(({ model }, at) => ({
        model,
        text: shortened(items[at]?.get(item.id)?.answers[0]?.text ?? ""),
      })),
    }));
  });
}

function wantedOf(item: Item | undefined): Pick<ExampleAnswers, "request" | "expected"> {
  if (!item) return {};
  const { request, prompt, references = [] } = item;
  const asked = request === "" && typeof prompt === "string" ? prompt : request;
  return {
    ...(asked !== "" && { request: shortened(asked) }),
    ...(references.length > 0 && { expected: references.map(shortened) }),
  };
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)} … (${text.length - LONGEST} characters more)`;
}

function itemsOf(task: TaskResults | undefined): ReadonlyMap<string, ItemResult> {
  return new Map(task?.items.map((item) => [item.id, item]));
}
