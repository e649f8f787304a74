// The points of a sweep: every combination of the grid's values, each with a name for its folder.

import { RetemperError } from "../errors.js";
import { LAMBDAS, type PointSettings } from "../recipe/vary.js";

/** More folders than anyone evaluates, and few enough that their plans fit into memory. */
const MOST_POINTS = 10_000;

export interface Point {
  /** `lambda-0.1`, several joined by `_`: `lambda-0.1_density-0.5`. */
  readonly name: string;
  readonly settings: PointSettings;
}

/**
 * The Cartesian product of the grid, the last parameter running fastest. A value that is listed twice counts once.
 * @throws RetemperError USAGE for an empty grid, values that are no finite numbers, or far too many points
 */
export function gridPoints(grid: Readonly<Record<string, readonly number[]>>): Point[] {
  const axes = Object.entries(grid).map(([name, values]) => [name, distinct(name, values)] as const);
  if (axes.length === 0) {
    throw new RetemperError("USAGE", "a sweep needs values to set", {
      hint: "give --lambda 0.1:0.9:0.1, or a parameter with --vary density=0.2,0.5",
    });
  }
  const count = axes.reduce((product, [, values]) => product * values.length, 1);
  if (count > MOST_POINTS) {
    throw new RetemperError("USAGE", `the grid has ${count} points, more than ${MOST_POINTS}`, {
      hint: "take fewer values of each parameter",
    });
  }
  let points: Point[] = [{ name: "", settings: {} }];
  for (const [axis, values] of axes) {
    points = points.flatMap(({ name, settings }) =>
      values.map((value) => ({
        name: `${name === "" ? "" : `${name}_`}${folderPart(axis, value)}`,
        settings: { ...settings, [axis]: value },
      })),
    );
  }
  return points;
}

/** The weight of the fine-tuned model and mergekit's global factor are both called lambda: the second says so. */
function folderPart(axis: string, value: number): string {
  const shown = axis === LAMBDAS ? "lambda" : axis === "lambda" ? "global-lambda" : axis;
  return `${shown}-${value}`;
}

function distinct(name: string, values: readonly number[]): number[] {
  if (!Array.isArray(values) || values.length === 0) {
    throw new RetemperError("USAGE", `the grid has no values for ${name}`, { hint: "give at least one number" });
  }
  for (const value of values) {
    if (typeof value === "number" && Number.isFinite(value)) continue;
    throw new RetemperError("USAGE", `the grid's ${name} must be finite numbers, not ${String(value)}`);
  }
  return [...new Set(values.map((value) => value + 0))]; // -0 and 0 are one value
}
