// Activations by the names that configurations give them.

import type { Activation } from "../ops/specs.js";
import type { ConfigReader } from "./configReader.js";

/** transformers' names -> ours. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_python_tanh: "gelu_tanh",
  relu: "relu",
};

/**
 * The activation that a key names.
 * @param meanings names that mean another one in this family
 * @throws RetemperError BAD_INPUT for one that is not known
 */
export function activationOf(
  settings: ConfigReader,
  key: string,
  meanings: Readonly<Record<string, string>> = {},
): Activation {
  const said = settings.text(key);
  const name = meanings[said] ?? said;
  const known = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (known) return known;
  const hint = `Known are ${Object.keys(ACTIVATIONS).join(", ")}.`;
  throw settings.error(key, `${JSON.stringify(said.slice(0, 40))} is not known`, hint);
}
