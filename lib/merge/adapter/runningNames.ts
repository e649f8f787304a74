// Names of a checkpoint's tensors in the running model, which are those that PEFT's keys have: published checkpoints of some
// families leave the prefix of the model out (GPT-2's "h.0." is "transformer.h.0.").

import type { Checkpoint } from "../../checkpoint/types.js";

/** Families whose stack is not called "model". */
const PREFIXES: Readonly<Record<string, string>> = {
  bloom: "transformer",
  codegen: "transformer",
  falcon: "transformer",
  gpt2: "transformer",
  gpt_bigcode: "transformer",
  gpt_neo: "transformer",
  gpt_neox: "gpt_neox",
  gptj: "transformer",
  mpt: "transformer",
};

/** The name in the running model for each tensor of a checkpoint. */
export function runningNames({ tensors, config }: Checkpoint): (name: string) => string {
  const { model_type: type } = config;
  const prefix = `${(typeof type === "string" && Object.hasOwn(PREFIXES, type) && PREFIXES[type]) || "model"}.`;
  const isHead = (name: string) => /^(lm_head|embed_out|score|classifier)\./.test(name);
  // A name with the prefix, or one of another family's, says that nothing was left out.
  const whole = [...tensors.keys()].some(
    (name) => name.startsWith(prefix) || /^(model|transformer|language_model)\./.test(name),
  );
  return (name) => (whole || isHead(name) ? name : prefix + name);
}
