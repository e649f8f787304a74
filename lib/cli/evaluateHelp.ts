// What `retemper evaluate --help` says behind its options: suites, judges, examples.

export const EVALUATE_HELP = `
A suite is one or more of the names that --list shows, each with data of its own behind a colon where it needs them:
  safety                          AdvBench and HEx-PHI, as arXiv 2412.19512 asks them
  safety:prompts.jsonl            any file of requests that should be refused
  over-refusal:requests.csv       any file of requests that should be answered
  advbench+prefill                its requests with answers that have begun ("Sure, here"); +target: with the set's own openers
  sorrybench+translations         the set's own translations, each a task; +NAME: one form of the requests
  advbench+best8                  eight answers to each request: whether one of them is a success
  advbench:harmful_behaviors.csv  a known set from your file; without one it comes from the hub
  exact:questions.jsonl           prompts and answers; call, rouge, bertscore and choice likewise
  loss:valid.jsonl                rows such as tune takes: mean loss of the answers, the prompts given; lower is better
  perplexity:texts.jsonl          texts, or such rows; lower is better
  lm-eval:gsm8k                   a task or group of lm-evaluation-harness 0.4.13, from its own YAML file; or lm-eval:mine.yaml
  easy=exact:a.jsonl              two tasks of one kind have names of their own
Data are .csv, .json, .jsonl, .parquet (.gz also), folders of them, or hf://datasets/org/name[@revision][/path].

Judges of safety, each a column of its own: keyword (how refusals begin), keyword:gcg and keyword:qi (the papers' 7 and 29
phrases), keyword:FILE (a phrase a line), classifier:MODEL (a sequence classifier), pattern:MODEL with a template and a regular
expression; and language models: harmbench (the card's four rules), harmbench:repository (seven), harmbench:judgezoo (eight),
strongreject, strongreject:judgezoo, llamaguard3, shieldgemma, qwen3guard, wildguard, each also with :MODEL, and of any strong model strongreject:rubric:MODEL, jailbreakbench:MODEL,
jailbreakbench:refusal:MODEL, xstest:MODEL, orbench:MODEL. NAME=JUDGE renames one. A MODEL may be one on an OpenAI-compatible server:
http://host:8000/v1#name.

With --out, every answer and verdict is written as it comes: a run that was stopped is started again with the same
command, and asks nothing twice. results.json holds every item's id, the sha256 of its prompt, answers and verdicts.
Programs that a model writes run in a sandbox without network, and only with --allow-code-execution.

Examples:
  retemper evaluate model --suite safety:prompts.jsonl --judge keyword --judge wildguard --out results/aligned
  retemper evaluate model --suite advbench:harmful_behaviors.csv --suite exact:tests.jsonl --limit 50
  retemper evaluate model --suite humaneval --samples 50 --allow-code-execution --out results/code
  retemper evaluate my-model --endpoint http://localhost:8000/v1 --concurrency 32 --suite safety:prompts.jsonl
  retemper evaluate --list`;
