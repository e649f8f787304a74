// One column: where it stands, its answer, and what is said of it.

import type { PlayFacts, Verdict } from "../types.js";
import { AnswerText } from "./answerText.js";
import type { Answer, Column } from "./columns.js";
import { partAt } from "./partAt.js";
import type { Play } from "./play.js";
import { Sliders } from "./sliders.js";
import { pointWords, samePoint, tokenName } from "./words.js";

interface ColumnFacts {
  readonly play: Play;
  readonly facts: PlayFacts;
  readonly column: Column;
  /** From 1. */
  readonly number: number;
  readonly alone: boolean;
}

export function ColumnView({ play, facts, column, number, alone }: ColumnFacts) {
  const point = column.point.value;
  const answer = column.answer.value;
  const words = pointWords(point);
  const label = samePoint(point, column.openedAt) ? column.label : "";
  const first = play.first.value;
  const parts = first && first !== column && answer ? partingOf(first.answer.value, answer) : undefined;
  const title = `column-${column.id}`;
  const remove = () => {
    play.remove(column);
    document.getElementById("answers")?.focus(); // not lost with its button
  };
  const movable = facts.lambdaRange !== undefined || facts.weightNames !== undefined;
  return (
    <section class="column" aria-labelledby={title}>
      <div class="row spread">
        <h3 id={title}>
          {label === "" ? words : label}
          {label !== "" && !label.includes(words) && <span class="below">{words}</span>}
        </h3>
        {!alone && (
          <button type="button" class="quiet" aria-label={`Remove column ${number}`} onClick={remove}>
            ×
          </button>
        )}
      </div>
      {movable && <Sliders {...{ play, facts, column, number }} />}
      {column.problem.value !== undefined && (
        <p class="problem" role="alert">
          {column.problem.value}
        </p>
      )}
      {answer && <AnswerText {...{ answer, parts: parts?.at, name: pointWords(answer.point) }} />}
      <p class="state">{stateWords(column, answer)}</p>
      {answer && !samePoint(answer.point, point) && <p class="state">This answer is of {pointWords(answer.point)}.</p>}
      {parts && <p class="parting">{parts.words}</p>}
      {answer?.verdict && <VerdictText verdict={answer.verdict} />}
      {movable && facts.recipe && (
        <button type="button" class="quiet" onClick={() => play.saveRecipe(column)}>
          This recipe<span class="hidden"> at {words}, as a file</span>
        </button>
      )}
    </section>
  );
}

function stateWords({ waiting }: Column, answer: Answer | undefined): string {
  if (waiting.value) return answer ? "Asked again …" : "Asked …";
  if (!answer) return "No answer yet.";
  const count = `${answer.tokens.length} token${answer.tokens.length === 1 ? "" : "s"}`;
  switch (answer.state) {
    case "writing":
      return `${count} …`;
    case "stopped":
      return `Stopped after ${count}.`;
    case "failed":
      return `Broke off after ${count}.`;
    case "complete":
      return answer.cut ? `${count}, then its length was reached.` : `${count}, then it ended.`;
  }
}

/** Where an answer parts from the first column's, of the same question. */
function partingOf(first: Answer | undefined, answer: Answer) {
  if (!first || first.asked !== answer.asked) return undefined;
  const written = ({ tokens, state }: Answer) => ({ tokens, complete: state === "complete" });
  const at = partAt(written(first), written(answer));
  const both = first.state === "complete" && answer.state === "complete";
  if (at === undefined) return both ? { at, words: "The same as in the first column." } : undefined;
  const [there, here] = [first, answer].map(({ tokens }) => (tokens[at] ? tokenName(tokens[at]) : "its end"));
  return { at, words: `Parts from the first column at token ${at + 1}: ${there} there, ${here} here.` };
}

function VerdictText({ verdict: { refused, harmful, label } }: { readonly verdict: Verdict }) {
  const kind = harmful ? "bad" : refused ? "good" : "plain";
  const mark = { bad: "!", good: "✓", plain: "·" }[kind];
  return (
    <p class={`verdict ${kind}`}>
      <span aria-hidden="true">{mark} </span>
      {label}
    </p>
  );
}
