// What to do about a server that does it wrong.

import type { CauseName } from "../types.js";

const REMEDIES: Partial<Record<CauseName, string>> = {
  "system-text-dropped":
    "Serve it with the model's own chat template, or put the system text into the first user message.",
  bos: "Let the server add the beginning-of-text token as the tokenizer does (add_bos_token), in one place.",
  "doubled-bos":
    "The template writes the beginning-of-text token, and the server adds it again: take it out of one of them.",
  "chat-template":
    "Serve it with the model's own chat template (vLLM: --chat-template, llama.cpp: --chat-template-file, Ollama: TEMPLATE).",
  "adapter-not-applied": "Load the adapter on the server and ask for it by its name, or serve the merged weights.",
  "adapter-applied-twice": "The served weights have the adapter already: do not load it again.",
  "adapter-scale": "Check lora_alpha, r and use_rslora of the served adapter, and the scale that the server was told.",
  "other-lambda": "Serve the merge that was tested.",
  rope: "Serve it with the rope settings of config.json (vLLM: --hf-overrides; llama.cpp: --rope-scaling, --rope-freq-base).",
  "tied-head": "The served file lacks lm_head.weight, or its configuration says tied: export it again.",
  dtype: "Serve it in the dtype of the tested weights (vLLM: --dtype).",
  quantisation: "Take more bits (q8_0, q6_k), or accept this much with --tolerance; measure the quantised model.",
};

export function remedyOf(name: CauseName): string {
  return REMEDIES[name] ?? "Compare the served files with the tested ones.";
}
