// A planned run as text: its steps as a table, and what follows from them as lines.

import type { PlannedRun, PlannedStep } from "../index.js";
import { formatBytes, formatCount, formatDuration } from "./quantities.js";
import { table } from "./table.js";

export function planText({
  steps,
  tokensPerSecond,
  judges,
  notes,
}: Pick<PlannedRun, "steps" | "tokensPerSecond" | "judges" | "notes">): string {
  const time = (seconds: number) => (tokensPerSecond > 0 ? `about ${formatDuration(seconds)}` : "");
  const cells = ({ step, done, total, bytes, tokens, judgeTokens, seconds }: PlannedStep) => [
    step,
    done === total ? "all" : `${formatCount(done)} of ${formatCount(total)}`,
    formatCount(tokens),
    ...(judges.length > 0 ? [formatCount(judgeTokens)] : []),
    formatBytes(bytes),
    done === total ? "" : time(seconds),
  ];
  const sum = (key: Exclude<keyof PlannedStep, "step">) => steps.reduce((all, step) => all + step[key], 0);
  const all: PlannedStep = {
    ...{ step: "all", done: sum("done"), total: sum("total"), bytes: sum("bytes"), tokens: sum("tokens") },
    ...{ judgeTokens: sum("judgeTokens"), seconds: sum("seconds") },
  };
  const judged = judges.length > 0 ? ["judges' tokens at most"] : [];
  const head = ["step", "there", "tokens", ...judged, "bytes written", "time"];
  const rows = [...steps, all].map(cells);
  const lines = [table(head, rows, [...head.keys()].slice(1))];
  if (tokensPerSecond > 0)
    lines.push(`by a few answers of the aligned model just now, at ${tokensPerSecond.toFixed(0)} tokens a second`);
  if (judges.length > 0) lines.push("time of judges from the sizes of their weights");
  return [...lines, ...notes.map((note) => `- ${note}`)].join("\n");
}
