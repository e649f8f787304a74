// The whole page.

import { Columns } from "./columnsView.js";
import { Curves } from "./curves.js";
import { KeyForm } from "./keyForm.js";
import type { Play } from "./play.js";
import { PromptForm } from "./promptForm.js";
import { StripView } from "./stripView.js";

export function App({ play }: { readonly play: Play }) {
  const facts = play.facts.value;
  return (
    <>
      <a class="skip" href="#prompt">
        To the prompt
      </a>
      <header>
        <h1>{facts?.results?.title ?? facts?.model ?? "Retemper play"}</h1>
        {facts && <p class="note">{aboutText(facts)}</p>}
      </header>
      <main>
        <div role="alert">
          {play.problem.value !== undefined && (
            <p class="problem">
              <strong>That did not work.</strong> {play.problem.value}
              {!facts && !play.wantsKey.value && (
                <>
                  {" "}
                  <button type="button" onClick={() => play.start()}>
                    Try again
                  </button>
                </>
              )}
            </p>
          )}
        </div>
        {play.wantsKey.value && <KeyForm play={play} />}
        {facts?.results && <Curves play={play} results={facts.results} />}
        {facts && <PromptForm play={play} facts={facts} />}
        {facts && <Columns play={play} facts={facts} />}
        {facts?.lambdaRange && <StripView play={play} range={facts.lambdaRange} />}
        {!facts && play.problem.value === undefined && <p>Asking the server what it has …</p>}
      </main>
      <footer>
        {facts && <p>Verdicts by {facts.judge}.</p>}
        <p>What you write here goes to the server of this page, and nowhere else.</p>
      </footer>
    </>
  );
}

function aboutText({
  model,
  method,
  fidelity,
  lambdaRange,
  weightNames,
  contextLength,
  results,
}: NonNullable<Play["facts"]["value"]>) {
  return [
    ...(results ? [model] : []),
    ...(method ? [`merged by ${method}`] : []),
    ...(fidelity ? [fidelity === "exact" ? "exact in every bit" : "the merge within 2e-4"] : []),
    ...(lambdaRange ? [`lambda from ${lambdaRange[0]} to ${lambdaRange[1]} (0: aligned, 1: fine-tuned)`] : []),
    ...(weightNames && !lambdaRange ? [`weights of ${weightNames.join(", ")}`] : []),
    `${contextLength.toLocaleString("en")} tokens of context`,
  ].join(" · ");
}
