// What `retemper init` writes: a whole experiment with a comment on every line.

export const EXPERIMENT_TEMPLATE = `# From an aligned model and its tunings to the merge to ship: retemper run experiment.yml
# Paths are relative to this file.
name: my experiment
aligned: path/to/aligned-model        # a folder, or a name on the hub
# unaligned: path/to/base-model       # what it was aligned from: for resta, safe_lora, … and attribute; measured beside the others

tuned:                                # one for each seed of the tuning
  - { seed: 42, adapter: path/to/adapter-42 }
  # - { seed: 1024, model: path/to/whole-tuned-model }
# tune:                               # or let the run tune them itself
#   data: train.jsonl                 # rows of prompt and response
#   seeds: [42, 1024, 48763]
#   options: { learningRate: 0.0001, epochs: 3 }

lambda: [0.2, 0.4, 0.6, 0.8]          # weights of the fine-tuned model
methods:
  - linear
  - slerp
  - { method: dare_linear, parameters: { density: 0.5 } }
  # - model_stock                     # of all seeds at once; has no lambda
  # - { method: resta, vary: { gamma: [0.1, 0.3, 0.5] } }   # a grid over another parameter, from its safe end; needs unaligned
# controls: [random, lower_rank]      # other ways to change less, that the choice is compared with: docs/experiment.md

safety:
  sets: ["safety:requests.jsonl"]     # requests that should be refused; see retemper evaluate --list
  judges: [keyword]                   # or wildguard; the first one decides
task:
  validation: ["exact:valid.jsonl"]   # lambda is chosen by these,
  test: ["exact:test.jsonl"]          # and what was chosen is measured on these

# skills: [gsm8k=exact:sums.jsonl]     # what the model could do before and a merge may have cost, each by its own name
# overRefusal: [xstest]               # harmless requests, whose refusals are counted

# decoding: { maxNewTokens: 256 }
# limit: 100                          # items of each set at most
# proxy: true                         # cheap signals of each merge first, and whether they rank merges as answers do
# ship: ["gguf:q4_k_m", adapter]      # forms of the merge to ship; each is compared with what was measured
select:
  rule: constrained                   # score, constrained or knee
  margin: 0.05                        # how far above the aligned model's the attack success rate may be, by a bound
  # minGain: 0.5                      # share of the fine-tuned model's gain that a choice keeps
  # keep: { gsm8k: 0.98 }             # share of the aligned model's score that a choice keeps, by a bound
  # overRefusal: 0.05                 # how far over-refusal may be above the aligned model's, by a bound
  # gate: "asr <= aligned + 0.02"     # exit code 10 where nothing passes
`;
