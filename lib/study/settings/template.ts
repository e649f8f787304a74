// What `retemper init --study` writes: a whole study with a comment on every line.

export const STUDY_TEMPLATE = `# Tasks x models x seeds x methods, and one report: retemper study run study.yml
# Paths are relative to this file. Beside the keys shown here it takes those of experiment.yml, for all of its experiments.
name: my study

models:                               # by names of your own
  small: { aligned: path/to/aligned-model }
  # large: { aligned: path/to/another, system: null }   # system and engine may be a model's own

tasks:                                # by names of your own; sets as in experiment.yml
  calls: { validation: ["call:calls.valid.jsonl"], test: ["call:calls.test.jsonl"], label: right calls }
  names: { validation: ["exact:names.valid.jsonl"], test: ["exact:names.test.jsonl"], label: right names }

seeds: [42, 1024, 48763]              # of the tunings
tuned: { adapter: "adapters/{model}/{task}/seed-{seed}" }
# tune:                               # or let the study tune them itself
#   data: "{task}.train.jsonl"        # rows of prompt and response
#   options: { learningRate: 0.0001, epochs: 3 }

lambda: [0.2, 0.4, 0.6, 0.8]          # weights of the fine-tuned model
methods:
  - linear
  - slerp
  - { method: dare_linear, parameters: { density: 0.5 } }

safety:                               # asked of each model once for all tasks, where it is the same model
  sets: ["safety:requests.jsonl"]     # each set has a figure of its own
  judges: [keyword]
# decoding: { maxNewTokens: 256 }     # a task may have its own: tasks: { calls: { ..., decoding: { maxNewTokens: 64 } } }
# limit: 100                          # items of each set at most
select: { rule: constrained, margin: 0.05 }
`;
