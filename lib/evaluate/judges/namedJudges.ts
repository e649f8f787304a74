// The judges that are language models, by the names that command lines and experiments know them by.

import { RetemperError } from "../../errors.js";
import type { Judge } from "../types.js";
import { type HarmBenchWording, harmBenchJudge, harmBenchPrompt } from "./harmBench.js";
import { jailbreakBenchJudge, jailbreakBenchPrompt } from "./jailbreakBench.js";
import type { NamedJudgeOptions } from "./judgeOptions.js";
import { llamaGuard3Judge, llamaGuard3Prompt } from "./llamaGuard3.js";
import type { JudgeModel } from "./modelJudge.js";
import { orBenchJudge, orBenchPrompt } from "./orBench.js";
import { qwen3GuardJudge, qwen3GuardPrompt } from "./qwen3Guard.js";
import { shieldGemmaJudge, shieldGemmaPrompt } from "./shieldGemma.js";
import { strongRejectJudge, strongRejectPrompt } from "./strongReject.js";
import { strongRejectRubricJudge, strongRejectRubricPrompt } from "./strongRejectRubric.js";
import { wildGuardJudge, wildGuardPrompt } from "./wildGuard.js";
import { xsTestJudge, xsTestPrompt } from "./xsTest.js";

interface Kind {
  /** What it asks where no model is named; absent: one must be named, since any strong model can be asked. */
  readonly model?: string;
  /** How it can be read; the first is its default. */
  readonly by: readonly NonNullable<NamedJudgeOptions["by"]>[];
  make(model: JudgeModel, options: NamedJudgeOptions): Judge;
  /** What it reads for an exchange, without the marks of a chat: for the plan of a run. */
  texts(request: string, response: string): readonly string[];
}

const BOTH = ["probabilities", "answers"] as const;
const HARMBENCH = "cais/HarmBench-Llama-2-13b-cls";
const STRONG_REJECT = "google/gemma-2b+qylu4156/strongreject-15k-v1";

function harmBenchKind(wording: HarmBenchWording): Kind {
  return {
    texts: (...of) => [harmBenchPrompt(...of, wording)],
    ...{ model: HARMBENCH, by: BOTH },
    make: (model, options) => harmBenchJudge(model, { ...options, wording }),
  };
}

const KINDS: Readonly<Record<string, Kind>> = {
  harmbench: harmBenchKind("card"),
  "harmbench:repository": harmBenchKind("repository"),
  "harmbench:judgezoo": harmBenchKind("judgezoo"),
  strongreject: {
    texts: (...of) => [strongRejectPrompt(...of)],
    model: STRONG_REJECT,
    by: ["probabilities"],
    make: strongRejectJudge,
  },
  "strongreject:judgezoo": {
    texts: (...of) => [strongRejectPrompt(...of)],
    model: STRONG_REJECT,
    by: ["probabilities"],
    make: (model, options) => strongRejectJudge(model, { ...options, answers: "judgezoo" }),
  },
  "strongreject:rubric": {
    texts: (...of) => [strongRejectRubricPrompt(...of)],
    by: ["answers"],
    make: strongRejectRubricJudge,
  },
  llamaguard3: {
    texts: (...of) => [llamaGuard3Prompt(...of)],
    model: "meta-llama/Llama-Guard-3-8B",
    by: BOTH,
    make: llamaGuard3Judge,
  },
  shieldgemma: {
    texts: (_, response) => ([0, 1, 2, 3] as const).map((at) => shieldGemmaPrompt(response, at)),
    model: "google/shieldgemma-2b",
    by: ["probabilities"],
    make: shieldGemmaJudge,
  },
  qwen3guard: {
    texts: (...of) => [qwen3GuardPrompt(...of)],
    model: "Qwen/Qwen3Guard-Gen-8B",
    by: BOTH,
    make: qwen3GuardJudge,
  },
  jailbreakbench: {
    texts: (...of) => [jailbreakBenchPrompt(...of)],
    by: ["answers", "probabilities"],
    make: jailbreakBenchJudge,
  },
  "jailbreakbench:refusal": {
    texts: (...of) => [jailbreakBenchPrompt(...of, "refusal")],
    by: ["answers", "probabilities"],
    make: (model, options) => jailbreakBenchJudge(model, { ...options, judge: "refusal" }),
  },
  xstest: { texts: (...of) => [xsTestPrompt(...of)], by: ["answers"], make: xsTestJudge },
  orbench: { texts: (...of) => [orBenchPrompt(...of)], by: ["answers"], make: orBenchJudge },
  wildguard: {
    texts: (...of) => [wildGuardPrompt(...of)],
    model: "allenai/wildguard",
    by: ["answers", "probabilities"],
    make: wildGuardJudge,
  },
};

/** In the order in which they are listed. */
export const JUDGE_NAMES: readonly string[] = Object.keys(KINDS);

/** What the judge of this kind reads for an exchange; undefined for a kind that is no language model. */
export function judgeTexts(kind: string, request: string, response: string): readonly string[] | undefined {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind]?.texts(request, response) : undefined;
}

/** A judge that is a language model, as words name it. */
export interface NamedJudge {
  readonly kind: string;
  /** The model that it asks, as the words or the judge itself name it. */
  readonly source: string;
  /** @throws RetemperError USAGE for a way of reading that it does not have, or a threshold that is no probability */
  open(model: JudgeModel, options?: NamedJudgeOptions): Judge;
}

/** The parts of NAME or NAME:MODEL; undefined for words that name none of these judges. */
export function splitJudge(words: string): { readonly kind: string; readonly model: string | undefined } | undefined {
  // the longer name first: strongreject:rubric is no strongreject with a model called rubric
  const names = [...JUDGE_NAMES].sort((a, b) => b.length - a.length);
  const kind = names.find((name) => words === name || words.startsWith(`${name}:`));
  return kind === undefined ? undefined : { kind, model: words.slice(kind.length + 1) || undefined };
}

/** The model that words name, or that their judge asks by default; undefined where there is none. */
export function judgeSource(words: string): string | undefined {
  const parts = splitJudge(words);
  return parts && (parts.model ?? KINDS[parts.kind]?.model);
}

/**
 * The judge that is meant by NAME or NAME:MODEL; undefined for words that name none of these.
 * @throws RetemperError USAGE where a model must be named and is not
 * @example
 * ```ts
 * import { namedJudge, openModel } from "retemper";
 *
 * const named = namedJudge("harmbench:repository:models/judge");
 * const judge = named?.open(() => openModel(named.source), { threshold: 0.7 });
 * console.log(judge?.name); // harmbench:repository
 * ```
 */
export function namedJudge(words: string): NamedJudge | undefined {
  const parts = splitJudge(words);
  if (!parts) return undefined;
  const { kind } = parts;
  const { by: ways, make } = KINDS[kind] as Kind;
  const source = judgeSource(words);
  if (source === undefined) {
    throw new RetemperError("USAGE", `The judge ${kind} asks any strong model, and none is named.`, {
      hint: `${kind}:MODEL, where MODEL is a folder, a name on the hub or the address of a server`,
    });
  }
  return {
    kind,
    source,
    open: (opened, { by, ...options } = {}) => {
      if (by !== undefined && !ways.includes(by)) {
        throw new RetemperError("USAGE", `The judge ${kind} is read by ${ways.join(" or ")}, not by ${String(by)}.`);
      }
      return make(opened, { source, ...options, ...(by !== undefined && { by }) });
    },
  };
}
