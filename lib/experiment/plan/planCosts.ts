// What steps that remain cost, in tokens, seconds and bytes: from how a few answers went, and how long those are that are there.

import { scorersOf } from "../../evaluate/run/scoreTask.js";
import type { Judge, Task } from "../../evaluate/types.js";
import type { WeightsForm } from "../../generate/types.js";
import type { Remains } from "../steps/step.js";
import type { JudgeCosts } from "./plannedJudges.js";
import type { TaskCost } from "./probe.js";

/** What remains to be done of something, about. */
export interface PlannedCost {
  readonly bytes: number;
  readonly tokens: number;
  readonly judgeTokens: number;
  readonly seconds: number;
}

/** A token that a tuning learns from takes about as long as so many that are read: forward, back, and forward once more. */
const LEARNING_COST = 3.5;
/** A multiplication in float64 takes about as long as so many of a model that reads, which are in float32. */
const WIDE_COST = 2;
/** Bytes a second of weights that are made or written; merges are bound by memory or the disk. */
const MADE_PER_SECOND = 5e8;

/** How fast the aligned model was in some weights. */
export interface Speeds {
  /** By the name of a task; none where no model was asked. */
  readonly probes: ReadonlyMap<string, TaskCost>;
  readonly secondsToOpen: number;
}

/** Its speeds are those in the weights that choose. */
export interface PlanCostsParts extends Speeds {
  /** As it is stored, where other weights choose. */
  readonly asStored?: Speeds | undefined;
  /** Mean of the answers to a task that are there; undefined where none are. */
  readonly meanTokens: (task: Task) => number | undefined;
  readonly judges: JudgeCosts;
  /** Of one merge. */
  readonly bytesOfMerge: number;
  /** Of the aligned model: a multiplication for each is what a token takes that it reads. */
  readonly parameters: number;
}

export class PlanCosts {
  readonly #parts: PlanCostsParts;

  constructor(parts: PlanCostsParts) {
    this.#parts = parts;
  }

  /** New tokens of an answer, and seconds of a prompt and of a token. */
  #costOf(task: Task, { probes }: Speeds): TaskCost {
    const { meanTokens } = this.#parts;
    const probed = probes.get(task.name) ?? {
      secondsPerPrompt: 0,
      promptTokens: 0,
      secondsPerToken: 0,
      tokens: task.ask === "likelihood" ? 0 : mostOf(task),
    };
    return { ...probed, tokens: Math.min(mostOf(task), meanTokens(task) ?? probed.tokens) };
  }

  of({
    answers = [],
    learned = 0,
    weights,
    read = [],
    prepared = { tokens: 0, multiplications: 0 },
    verdicts = [],
    labelled,
    opened = 0,
    made = 0,
    bytes = 0,
  }: Remains): PlannedCost {
    const { judges, bytesOfMerge, parameters } = this.#parts;
    const speeds = weights === undefined ? this.#asStored : this.#parts;
    const asRead = prepared.tokens + (WIDE_COST * prepared.multiplications) / parameters;
    let tokens = learned + prepared.tokens;
    let seconds = (learned * LEARNING_COST + asRead) * this.#secondsPerPromptToken();
    for (const { task, prompts, answers: count } of answers) {
      const cost = this.#costOf(task, speeds);
      tokens += count * cost.tokens;
      seconds += prompts * cost.secondsPerPrompt + count * cost.tokens * cost.secondsPerToken;
    }
    for (const { task, texts } of read) {
      const cost = this.#costOf(task, speeds);
      seconds += texts * (cost.secondsPerPrompt + cost.tokens * this.#secondsPerPromptToken());
    }
    const judged = judges.of((judge) =>
      verdicts.flatMap(({ scorer, task, items }) => (scorer === judge ? [{ ...once(task), items }] : [])),
    );
    const given = labelled && judges.ofAnswers(labelled);
    for (const one of [judged, ...(given ? [given] : [])]) {
      judges.add(one);
      seconds += one.seconds;
    }
    const timed = this.#parts.probes.size > 0;
    if (timed) {
      // into blocks, each merge is put by itself, as the aligned model was
      const inBlocks = weights !== undefined && weights !== "asStored";
      seconds += inBlocks
        ? Math.max(opened, made) * this.#parts.secondsToOpen
        : opened * this.#asStored.secondsToOpen + (made * bytesOfMerge) / MADE_PER_SECOND;
      seconds += bytes / MADE_PER_SECOND;
    }
    return { bytes, tokens: Math.round(tokens), judgeTokens: judged.tokens + (given?.tokens ?? 0), seconds };
  }

  get #asStored(): Speeds {
    return this.#parts.asStored ?? this.#parts;
  }

  #secondsPerPromptToken(): number {
    const all = [...this.#asStored.probes.values()].filter(({ promptTokens }) => promptTokens > 0);
    const [seconds, tokens] = [sum(all, (one) => one.secondsPerPrompt), sum(all, (one) => one.promptTokens)];
    return tokens > 0 ? seconds / tokens : 0;
  }
}

/** All of some tasks for so many models, as far as nothing is known of what is there. @param weights that answer, as of `Remains` */
export function wholeRemains(
  tasks: readonly Task[],
  judges: readonly Judge[],
  models: number,
  weights?: WeightsForm | undefined,
): Remains {
  const samples = ({ decoding }: Task) => decoding.samples ?? 1;
  const answers = tasks.map((task) => ({
    task,
    prompts: models * task.items.length,
    answers: models * task.items.length * samples(task),
  }));
  const verdicts = tasks.flatMap((task) =>
    scorersOf(task, judges).map(({ scorer }) => ({
      scorer: scorer.name,
      task,
      items: Array.from({ length: models * samples(task) }, () => task.items).flat(),
    })),
  );
  const units = sum(answers, (one) => one.answers) + sum(verdicts, ({ items }) => items.length);
  return { answers, weights, verdicts, units, opened: models, pending: units > 0 };
}

/** Each sample of an item is among the items already. */
function once(task: Task): Task {
  const { samples: _, ...decoding } = task.decoding;
  return { ...task, decoding };
}

/** New tokens of an answer at most; where a task does not say it, generation's own limit. Likelihoods have no limit. */
function mostOf({ ask, decoding }: Task): number {
  return ask === "likelihood" ? Number.POSITIVE_INFINITY : (decoding.maxNewTokens ?? 256);
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
