// What a run says of itself while it goes on, in the words of the command line.

import type { EndedStep, RunProgress } from "../index.js";
import type { ByteProgress } from "./progressBar.js";
import { formatCount, formatDuration } from "./quantities.js";

/** A step that goes on, for a bar or a line; the time left is the whole run's. */
export function shownProgress(progress: RunProgress): ByteProgress {
  const { step, k, n, what, done, total, tokensPerSecond, secondsLeft, loss } = progress;
  const rates = [
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(tokensPerSecond === undefined ? [] : [speed(tokensPerSecond)]),
  ];
  return {
    phase: `step ${k} of ${n}, ${step}`,
    ...{ done, total, bytesPerSecond: 0, secondsLeft },
    amount: `${formatCount(done)} / ${formatCount(total)} ${what}`,
    rate: rates.join(", "),
    facts: { phase: step, ...progress },
  };
}

/** A step that is done. */
export function endedText({ step, k, n, seconds, tokens, secondsLeft }: EndedStep): string {
  const parts = [
    `done in ${formatDuration(seconds)}`,
    ...(tokens === undefined
      ? []
      : [`${formatCount(tokens)} tokens`, ...(seconds > 0 ? [speed(tokens / seconds)] : [])]),
    ...(secondsLeft === undefined || k === n ? [] : [`about ${formatDuration(secondsLeft)} left`]),
  ];
  return `step ${k} of ${n}, ${step}: ${parts.join(", ")}`;
}

function speed(tokensPerSecond: number): string {
  return `${formatCount(Math.round(tokensPerSecond))} tokens/s`;
}
