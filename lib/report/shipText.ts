// What to ship, in words: for the terminal and the report.

import type { ExperimentResults } from "./types.js";

/** "models/chosen, which is models/linear-0.4-seed-42. ..."; undefined where nothing was chosen, which is said elsewhere. */
export function shipText({ shipped, confirmation, ship }: ExperimentResults): string | undefined {
  if (shipped) {
    const { link, path, why } = shipped;
    const forms = ship === undefined ? "" : ` ${ship.sentence}`;
    return `${link === undefined ? path : `${link}, a link to ${path}`}.${why === undefined ? "" : ` ${why}`}${forms}`;
  }
  return confirmation?.holds === false ? "nothing, since the choice is not confirmed." : undefined;
}
