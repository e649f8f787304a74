// What is wrong with the weights and the cache that an experiment asks for, by themselves.

import type { Path } from "../../recipe/located.js";
import type { ExperimentSettings } from "./schema.js";
import { shipForms } from "./shipForms.js";

/** @param say told each problem with its path and what helps */
export function sayOfWeights(
  settings: ExperimentSettings,
  say: (text: string, path: Path, hint?: string) => void,
): void {
  const { engine, safety } = settings;
  if (engine?.weights === "asStored" && !shipForms(settings).some(({ format }) => format === "gguf")) {
    const why = "engine.weights: asStored is of the forms in GGUF that ship, and there is none";
    say(why, ["engine", "weights"], "leave it out, or ship gguf:q8_0, gguf:q4_k_m, …");
  }
  const { engine: name = "auto" } = engine ?? {};
  if (name === "auto" || name === "native") return;
  const wanted: Path[] = engine?.weights === undefined ? [] : [["engine", "weights"]];
  for (const [at, judge] of safety.judges.entries()) {
    if (typeof judge === "object" && "weights" in judge && judge.weights !== undefined)
      wanted.push(["safety", "judges", at, "weights"]);
  }
  if (engine?.cache !== undefined) {
    say(
      `the engine ${name} keeps keys and values as precision has them`,
      ["engine", "cache"],
      "leave cache out, or take engine.engine native",
    );
  }
  for (const path of wanted) {
    say(
      `the engine ${name} does not multiply weights in blocks`,
      path,
      "leave weights out, or take engine.engine native",
    );
  }
}
