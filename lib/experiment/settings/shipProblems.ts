// What is wrong with the forms of what an experiment ships, by themselves.

import type { Path } from "../../recipe/located.js";
import { methodOf } from "./methodEntry.js";
import type { ExperimentSettings } from "./schema.js";
import { isWrittenMerge, shipForms } from "./shipForms.js";

/** What makes of a tuning's adapter a change of the same rank: no other method does. */
const EXACT: ReadonlySet<string> = new Set(["linear", "task_arithmetic", "passthrough"]);

/** @param say told each problem with its path and what helps */
export function sayOfShip(settings: ExperimentSettings, say: (text: string, path: Path, hint?: string) => void): void {
  const { ship = [], engine, tune, methods } = settings;
  if (ship.length > 0 && engine?.endpoint) {
    const why =
      "what ships is compared with what was measured by running both here, and a server answers (engine.endpoint)";
    say(why, ["ship"], "leave ship out, and compare afterwards with retemper behave");
  }
  const seen = new Set<string>();
  for (const [at, { name, format, quantise, dtype, rank, test, allModels }] of shipForms(settings).entries()) {
    const path = ["ship", at];
    if (seen.has(name)) say(`ship: ${name} is asked for twice`, path);
    seen.add(name);
    const wrong = (key: string, of: string) => say(`ship: ${key} is of ${of}, and this is ${format}`, [...path, key]);
    if (quantise !== undefined && format !== "gguf") wrong("quantise", "gguf");
    if (dtype !== undefined && format !== "safetensors") wrong("dtype", "safetensors");
    if (rank !== undefined && format !== "adapter") wrong("rank", "adapter");
    if (allModels && (format === "adapter" || isWrittenMerge({ format, dtype }) || !test)) {
      const why = !test
        ? "which is not measured (test: false)"
        : format === "adapter"
          ? "and the aligned model is no adapter"
          : "in which all models are measured anyway";
      say(`ship: allModels measures other models in the form ${name}, ${why}`, [...path, "allModels"], "leave it out");
    }
    const others = methods.map(methodOf).filter((method) => !EXACT.has(method));
    if (format === "adapter" && rank === undefined && tune && others.length > 0) {
      const names = [...new Set(others)].join(", ");
      say(
        `ship: the changes that ${names} make are of no low rank, so no adapter holds them as they are`,
        path,
        "give a rank, to which they are approximated",
      );
    }
  }
}
