// What is wrong with sets, and which part of the experiment says so.

import type { Path } from "../../recipe/located.js";

export interface SetProblem {
  readonly text: string;
  readonly path: Path;
}
