// A planned run as text: its steps as a table, and what follows from them as lines.

import type { PlannedRun, PlannedStep } from "../index.js";
import { formatBytes, formatCount, formatDuration } from "./quantities.js";
import { table } from "./table.js";

export function planText({ steps, tokensPerSecond, judges, notes }: PlannedRun): string {
  const time = (seconds: number) => (tokensPerSecond > 0 ? `about ${formatDuration(seconds)}` : "");
  const cells = ({ step, bytes, tokens, judgeTokens, seconds }: PlannedStep) => [
    step,
    formatBytes(bytes),
    formatCount(tokens),
    ...(judges.length > 0 ? [formatCount(judgeTokens)] : []),
    time(seconds),
  ];
  const total = (key: "bytes" | "tokens" | "judgeTokens" | "seconds") =>
    steps.reduce((sum, step) => sum + step[key], 0);
  const all: PlannedStep = {
    ...{ step: "all", bytes: total("bytes"), tokens: total("tokens") },
    ...{ judgeTokens: total("judgeTokens"), seconds: total("seconds") },
  };
  const judged = judges.length > 0 ? ["judges' tokens at most"] : [];
  const head = ["step", "bytes written", "tokens at most", ...judged, "time at most"];
  const rows = [...steps, all].map(cells);
  const lines = [table(head, rows, [...head.keys()].slice(1))];
  if (tokensPerSecond > 0) lines.push(`at ${tokensPerSecond.toFixed(0)} tokens a second, measured just now`);
  if (judges.length > 0) lines.push("time of judges from the sizes of their weights");
  return [...lines, ...notes.map((note) => `- ${note}`)].join("\n");
}
