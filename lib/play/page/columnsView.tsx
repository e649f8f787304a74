// The answers side by side.

import type { PlayFacts } from "../types.js";
import { MOST_COLUMNS } from "./columns.js";
import { ColumnView } from "./columnView.js";
import type { Play } from "./play.js";

export function Columns({ play, facts }: { readonly play: Play; readonly facts: PlayFacts }) {
  const columns = play.columns.value;
  const range = facts.lambdaRange;
  const movable = range !== undefined || facts.weightNames !== undefined;
  return (
    <section aria-labelledby="answers">
      <div class="row spread">
        <h2 id="answers" tabIndex={-1}>
          Answers
        </h2>
        {movable && (
          <div class="row">
            <button type="button" disabled={columns.length >= MOST_COLUMNS} onClick={() => play.add()}>
              Add a column
            </button>
            {range && (
              <button type="button" onClick={() => play.nine(range)}>
                9 lambdas at once
              </button>
            )}
          </div>
        )}
      </div>
      <div class="columns">
        {columns.map((column, at) => (
          <ColumnView key={column.id} {...{ play, facts, column, number: at + 1, alone: columns.length === 1 }} />
        ))}
      </div>
    </section>
  );
}
