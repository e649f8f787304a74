// The strip over all lambdas, as a picture and as a table.

import type { Play } from "./play.js";
import type { StripValues } from "./strip.js";
import { percent, short } from "./words.js";

const HEIGHT = 80;

interface StripFacts {
  readonly play: Play;
  readonly range: readonly [number, number];
}

export function StripView({ play, range }: StripFacts) {
  const { values, working, wanted } = play.strip;
  return (
    <section class="strip" aria-labelledby="strip">
      <div class="row spread">
        <h2 id="strip">A refusal, over all lambdas</h2>
        <label class="check">
          <input
            type="checkbox"
            checked={wanted.value}
            onInput={(event) => {
              wanted.value = event.currentTarget.checked;
              if (wanted.value) play.showStrip();
              else play.strip.stop();
            }}
          />
          with every question
        </label>
      </div>
      {values.value ? (
        <Values {...{ play, range, values: values.value }} />
      ) : (
        <p class="note">{emptyWords(working.value)}</p>
      )}
    </section>
  );
}

function emptyWords(working: boolean): string {
  return working
    ? "Working out how probable a refusal is at each lambda …"
    : "How probable it is that the answer begins with a refusal: shown here once there are answers.";
}

function Values({ play, range: [least, most], values }: StripFacts & { readonly values: StripValues }) {
  const { lambdas, refusal, phrases } = values;
  const xOf = (lambda: number) => (100 * (lambda - least)) / (most - least);
  const half = 50 / (lambdas.length - 1);
  const columns = play.columns.value
    .map(({ point }) => point.value.lambda ?? least)
    .filter((lambda) => lambda >= least && lambda <= most);
  return (
    <figure>
      <div class="plot">
        <svg
          role="img"
          aria-label="Probability of a refusal over lambda"
          aria-describedby="strip-alternative"
          viewBox={`0 0 100 ${HEIGHT}`}
          preserveAspectRatio="none"
        >
          <rect class="ground" x={0} y={0} width={100} height={HEIGHT} />
          {lambdas.map((lambda, at) => {
            const [from, to] = [Math.max(0, xOf(lambda) - half), Math.min(100, xOf(lambda) + half)];
            const height = HEIGHT * (refusal[at] ?? 0);
            return <rect key={lambda} class="refusal" x={from} y={HEIGHT - height} width={to - from} height={height} />;
          })}
          {columns.map((lambda, at) => (
            <line key={at} class="stand" x1={xOf(lambda)} x2={xOf(lambda)} y1={0} y2={HEIGHT} />
          ))}
        </svg>
        <span class="scale top">100 %</span>
        <span class="scale bottom">0 %</span>
      </div>
      <p class="ticks" aria-hidden="true">
        <span>{short(least)}</span>
        <span>lambda</span>
        <span>{short(most)}</span>
      </p>
      <figcaption id="strip-alternative">
        Probability that the answer begins with one of {phrases} phrases of refusal: {percent(refusal[0] ?? 0)} at
        lambda {short(least)}, {percent(refusal.at(-1) ?? 0)} at lambda {short(most)}
        {fallWords(values)}. Lines stand where the columns are.
      </figcaption>
      <details>
        <summary>As a table</summary>
        <table>
          <caption class="hidden">Probability of a refusal by lambda</caption>
          <thead>
            <tr>
              <th scope="col">lambda</th>
              <th scope="col">refusal</th>
            </tr>
          </thead>
          <tbody>
            {lambdas.map((lambda, at) => (
              <tr key={lambda}>
                <th scope="row">{short(lambda)}</th>
                <td>{percent(refusal[at] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** Where it first falls below one half. */
function fallWords({ lambdas, refusal }: StripValues): string {
  const at = refusal.findIndex((value, place) => value < 0.5 && place > 0 && (refusal[place - 1] as number) >= 0.5);
  return at < 0
    ? ""
    : `; it falls below one half between ${short(lambdas[at - 1] ?? 0)} and ${short(lambdas[at] ?? 0)}`;
}
