// What is wrong with the controls of an experiment by themselves.

import type { Path } from "../../recipe/located.js";
import { kindOf } from "./controlEntry.js";
import { controlFacts } from "./controlKinds.js";
import type { ExperimentSettings } from "./schema.js";

/** @param say told each problem with its path and what helps */
export function sayOfControls(
  { controls = [], tune, extrapolate, engine, tuned }: ExperimentSettings,
  say: (text: string, path: Path, hint?: string) => void,
): void {
  if (controls.length > 0 && engine?.endpoint) {
    say(
      "controls are models that are made here, and a server answers (engine.endpoint)",
      ["controls"],
      "leave controls out, or the endpoint",
    );
  }
  const seen = new Set<string>();
  for (const [at, entry] of controls.entries()) {
    const kind = kindOf(entry);
    const { by, from, fits, parameter } = controlFacts(kind);
    const path = ["controls", at];
    if (seen.has(kind)) say(`${kind} is asked for twice`, path, "write all lambdas or values in one entry");
    seen.add(kind);
    if (from === "tune" && !tune && tuned) {
      say(`${kind} needs tunings that the run makes (tune)`, path, "leave it out where tuned models are given");
    }
    const { lambda, values } = typeof entry === "string" ? { lambda: undefined, values: undefined } : entry;
    if (lambda !== undefined && by !== "lambda") {
      say(
        `${kind} has no lambda${by === "values" ? `: its points differ in the ${parameter}` : ""}`,
        [...path, "lambda"],
        by === "values" ? "write values" : undefined,
      );
    }
    if (values !== undefined && by !== "values") {
      const hint = by === "lambda" ? "write lambda" : "tune.options.saveSteps says which checkpoints there are";
      say(`${kind} has no values`, [...path, "values"], hint);
    }
    const outside = [lambda ?? []].flat().filter((one) => one < 0 || one > 1);
    if (outside.length > 0 && !extrapolate) {
      say(`lambda ${outside.join(", ")} is outside of 0 to 1: write extrapolate: true if that is meant`, [
        ...path,
        "lambda",
      ]);
    }
    for (const value of fits ? (values ?? []) : []) {
      if (!fits?.[1](value)) say(`${kind}: a ${parameter} is ${fits?.[0]}, not ${value}`, [...path, "values"]);
    }
  }
}
