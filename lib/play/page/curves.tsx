// What the experiment measured, over lambda: a point for each candidate, which opens it beside the aligned and the fine-tuned model.

import type { PlayCandidate, PlayEstimate, PlayResults } from "../types.js";
import type { Play } from "./play.js";
import { percent, pointWords, short } from "./words.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [440, 230, 50, 16, 14, 34];

interface Series {
  readonly title: string;
  readonly estimateOf: (one: PlayCandidate) => PlayEstimate | undefined;
}

export function Curves({ play, results }: { readonly play: Play; readonly results: PlayResults }) {
  const all = [results.aligned, ...results.candidates, results.fineTuned].filter((one) => one !== undefined);
  const task = all.find((one) => one.task)?.task?.name;
  const series: Series[] = [
    { title: "Attack success rate (lower is better)", estimateOf: ({ attackSuccessRate }) => attackSuccessRate },
    ...(task === undefined
      ? []
      : [{ title: `${task} (higher is better)`, estimateOf: (one: PlayCandidate) => one.task }]),
  ];
  return (
    <section aria-labelledby="curves">
      <h2 id="curves">What was measured</h2>
      <p class="note">
        Choose a point to talk with that merge, beside the aligned and the fine-tuned model. The chosen one has a ring.
        Intervals are of 95 %.
      </p>
      <div class="figures">
        {series.map((one) => (
          <Curve key={one.title} {...{ play, results, all, series: one }} />
        ))}
      </div>
      <details>
        <summary>As a table</summary>
        <section
          class="wide"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll with the arrow keys
          tabIndex={0}
          aria-label="What was measured, as a table"
        >
          <table>
            <thead>
              <tr>
                <th scope="col">model</th>
                <th scope="col">lambda</th>
                {series.map(({ title }) => (
                  <th scope="col" key={title}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {all.map((one) => (
                <tr key={one.label}>
                  <th scope="row">
                    {one.label}
                    {one.chosen && " (chosen)"}
                  </th>
                  <td>{one.point.lambda === undefined ? "" : short(one.point.lambda)}</td>
                  {series.map(({ title, estimateOf }) => (
                    <td key={title}>{estimateWords(estimateOf(one))}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </section>
  );
}

interface CurveFacts {
  readonly play: Play;
  readonly results: PlayResults;
  readonly all: readonly PlayCandidate[];
  readonly series: Series;
}

function Curve({ play, results, all, series: { title, estimateOf } }: CurveFacts) {
  const shown = all.filter((one) => one.point.lambda !== undefined && estimateOf(one));
  const lambdas = shown.map(({ point }) => point.lambda as number);
  const [least, most] = [Math.min(0, ...lambdas), Math.max(1, ...lambdas)];
  const x = (lambda: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (lambda - least)) / (most - least);
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value);
  const sorted = [...shown].sort((a, b) => (a.point.lambda as number) - (b.point.lambda as number));
  const line = sorted.map((one) => `${x(one.point.lambda as number)},${y(estimateOf(one)?.value ?? 0)}`).join(" ");
  return (
    <figure>
      <p class="figure-title">
        <strong>{title}</strong> <span>over lambda</span>
      </p>
      {/* biome-ignore lint/a11y/useSemanticElements: a picture whose marks are buttons */}
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`${title} over lambda: a button for each merge`}>
        {[0, 0.5, 1].map((value) => (
          <g key={value} class="axis">
            <line x1={LEFT} x2={WIDTH - RIGHT} y1={y(value)} y2={y(value)} />
            <text x={LEFT - 6} y={y(value) + 4} text-anchor="end">
              {100 * value} %
            </text>
          </g>
        ))}
        {[least, (least + most) / 2, most].map((lambda) => (
          <text key={lambda} class="tick" x={x(lambda)} y={HEIGHT - 12} text-anchor="middle">
            {short(lambda)}
          </text>
        ))}
        <polyline class="line" points={line} />
        {shown.map((one) => (
          <Mark
            key={one.label}
            {...{ one, estimate: estimateOf(one) as PlayEstimate, title, x: x(one.point.lambda as number), y }}
            open={() => play.open(one)}
            isEnd={one === results.aligned || one === results.fineTuned}
          />
        ))}
      </svg>
    </figure>
  );
}

interface MarkFacts {
  readonly one: PlayCandidate;
  readonly estimate: PlayEstimate;
  readonly title: string;
  readonly x: number;
  readonly y: (value: number) => number;
  readonly open: () => void;
  readonly isEnd: boolean;
}

function Mark({ one, estimate, title, x, y, open, isEnd }: MarkFacts) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open();
  };
  const cy = y(estimate.value);
  const name = one.label === pointWords(one.point) ? one.label : `${one.label}, ${pointWords(one.point)}`;
  const label = `${name}${one.chosen ? ", chosen" : ""}: ${title}, ${estimateWords(estimate)}. Open it.`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button cannot stand within a picture
    <g
      class={`mark ${isEnd ? "end" : ""}`}
      role="button"
      tabindex={0}
      aria-label={label}
      onClick={open}
      onKeyDown={onKeyDown}
    >
      <title>{label}</title>
      <line class="interval" x1={x} x2={x} y1={y(estimate.low)} y2={y(estimate.high)} />
      <circle class="target" cx={x} cy={cy} r={13} />
      {one.chosen && <circle class="ring" cx={x} cy={cy} r={9} />}
      {isEnd ? (
        <rect class="dot" x={x - 5} y={cy - 5} width={10} height={10} />
      ) : (
        <circle class="dot" cx={x} cy={cy} r={5} />
      )}
    </g>
  );
}

function estimateWords(estimate: PlayEstimate | undefined): string {
  if (!estimate) return "not measured";
  return `${percent(estimate.value)} (${percent(estimate.low)} to ${percent(estimate.high)})`;
}
