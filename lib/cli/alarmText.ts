// Alarms about judges for people: what is wrong, and how the answers begin that show it.

import type { JudgeAlarm } from "../index.js";
import { table } from "./table.js";

/** Characters of an answer: enough to see a refusal. What may be harmful is not shown whole on a terminal. */
const BEGINNING = 60;

/** One table an alarm under its sentence; nothing where all is well. */
export function alarmText(alarms: readonly JudgeAlarm[]): string {
  return alarms
    .map(({ sentence, judges, answers }) => {
      const rows = answers.map(({ model, id, text, verdicts }) => [
        model,
        id,
        ...judges.map((judge) => verdicts[judge] ?? ""),
        beginning(text),
      ]);
      return `\n\nALARM: ${sentence}\n${table(["model", "item", ...judges, "the answer begins"], rows)}`;
    })
    .join("");
}

function beginning(text: string): string {
  const characters = [...text];
  if (characters.length === 0) return "(empty)";
  if (characters.length <= BEGINNING) return text;
  return `${characters.slice(0, BEGINNING).join("")}… (${characters.length} characters)`;
}
