// What a reader of a task's numbers has to know.

import type { Task } from "../types.js";
import type { TaskResults } from "./results.js";

export function taskNotes({ name, counts, items }: TaskResults, ask: Task["ask"]): string[] {
  const { failed, untrusted } = counts;
  const cut = ask === "likelihood" ? items.filter(({ answers }) => answers[0]?.finish === "length").length : 0;
  return [
    ...(failed > 0 ? [`${failed} of ${counts.items} items of ${name} are without an answer or verdict.`] : []),
    ...(untrusted ? [`Programs of ${untrusted} items of ${name} told their own outcome: not to be trusted.`] : []),
    ...(cut > 0
      ? [`${cut} of ${counts.items} rows of ${name} are longer than the model's context: their beginning was scored.`]
      : []),
  ];
}
