// Two models whose files are here: texts, weights, distributions, answers, and what they say about the cause.

import { loadAddon } from "../addon/load.js";
import type { EngineFacts, Generation } from "../generate/types.js";
import { configCauses } from "./causes/configCauses.js";
import { endingCauses, samplingCauses } from "./causes/endingCauses.js";
import type { Findings, Pair } from "./causes/findings.js";
import { textCauses } from "./causes/textCauses.js";
import { weightCauses } from "./causes/weightCauses.js";
import type { Gathered } from "./gathered.js";
import { distributionsOf, greedyAnswers, passageOf } from "./numbers/askModel.js";
import type { CoarseDistribution } from "./numbers/coarse.js";
import { compareAnswers } from "./numbers/compareAnswers.js";
import { compareDistributions } from "./numbers/compareDistributions.js";
import type { Plan } from "./plan.js";
import type { LocalSide } from "./sides/side.js";
import { compareReads } from "./text/compareReads.js";
import { type ReadPrompt, readPrompt, sameIds } from "./text/compareText.js";
import { compareWeights, type WeightFindings } from "./weights/compareWeights.js";
import { storedAs } from "./weights/storedAs.js";

/** What was asked of one model. */
interface Asked {
  readonly engine: EngineFacts;
  readonly answers: readonly (Generation | undefined)[];
  /** By prompt: of each token of A's answer, given A's ids; [] where there is none. */
  readonly given: readonly (readonly CoarseDistribution[])[];
  /** By prompt: of the first token, given the model's own ids. */
  readonly first: readonly (CoarseDistribution | undefined)[];
}

/** @throws RetemperError as opening and running a model do */
export async function compareModels(a: LocalSide, b: LocalSide, plan: Plan): Promise<Gathered> {
  const { prompts, onStep } = plan;
  const notes: string[] = [];
  const reads = {
    a: prompts.map(({ prompt }) => readPrompt(prompt, a.tokenizer)),
    b: prompts.map(({ prompt }) => readPrompt(prompt, b.tokenizer)),
  };
  onStep?.("weights");
  const weights = await weightsOf(a, b, plan, notes);
  const addon = loadAddon();
  const marks = { a: storedAs(a.checkpoint, addon), b: storedAs(b.checkpoint, addon) };
  const numbers = await numbersOf(a, b, reads, plan, notes);
  const answers = numbers ? { a: numbers.a.answers, b: numbers.b.answers } : { a: [], b: [] };
  const findings: Findings = { a, b, prompts, reads, answers, weights, marks };
  const causes = [
    ...textCauses(findings),
    ...endingCauses(findings),
    ...weightCauses(findings),
    ...configCauses(findings),
    ...samplingCauses(findings),
  ];
  return {
    causes,
    text: compareReads(reads.a, reads.b),
    firstToken: numbers?.firstToken,
    sameTokens: numbers?.sameTokens,
    logprobGap: undefined,
    answers: compareAnswers(answers.a, answers.b, [a.tokenizer, b.tokenizer]),
    told: answers,
    weights: weights.weights,
    engines: { a: numbers?.a.engine, b: numbers?.b.engine },
    notes,
  };
}

async function weightsOf(a: LocalSide, b: LocalSide, plan: Plan, notes: string[]): Promise<WeightFindings> {
  const found = await compareWeights(a, b, plan);
  if (found.unknown) {
    notes.push("the weights of two merges that are not written are not compared tensor by tensor; their answers are");
  }
  return found;
}

interface Numbers extends Pair<Asked> {
  readonly firstToken: Gathered["firstToken"];
  readonly sameTokens: Gathered["sameTokens"];
}

/** Undefined, with a note, where one of them cannot be run here. */
async function numbersOf(
  a: LocalSide,
  b: LocalSide,
  reads: Pair<readonly ReadPrompt[]>,
  plan: Plan,
  notes: string[],
): Promise<Numbers | undefined> {
  if (plan.ask === false) {
    notes.push("no model was run: files and weights were compared");
    return undefined;
  }
  const unknown = [a, b].filter(({ spec }) => spec === undefined).map(({ facts }) => facts.name);
  if (unknown.length > 0) {
    notes.push(
      `nothing was asked: ${unknown.join(" and ")} cannot be run here (see retemper generate); files were compared`,
    );
    return undefined;
  }
  const ofA = await askOne(a, reads.a, plan, "A");
  const ofB = await askOne(b, reads.b, plan, "B", { asked: ofA, reads: reads.a });
  const own: [CoarseDistribution, CoarseDistribution][] = [];
  const given: [CoarseDistribution, CoarseDistribution][] = [];
  for (const [at, first] of ofA.first.entries()) {
    const other = ofB.first[at];
    if (first && other) own.push([first, other]);
    for (const [place, one] of (ofA.given[at] ?? []).entries()) {
      const same = ofB.given[at]?.[place];
      if (same) given.push([one, same]);
    }
  }
  if (given.length === 0)
    notes.push("no ids of A mean anything to B, so their distributions are not compared token by token");
  return { a: ofA, b: ofB, firstToken: compareDistributions(own), sameTokens: compareDistributions(given) };
}

/**
 * Opens a model, asks it, and closes it: never are both in memory.
 * @param before A's answers, which B's distributions are compared over
 */
async function askOne(
  side: LocalSide,
  reads: readonly ReadPrompt[],
  { maxNewTokens, signal, onStep }: Plan,
  letter: "A" | "B",
  before?: { readonly asked: Asked; readonly reads: readonly ReadPrompt[] },
): Promise<Asked> {
  onStep?.(`opening ${letter}`);
  const model = await side.open();
  try {
    onStep?.(`answers of ${letter}`);
    const ids = reads.map((read) => read.ids);
    const answers = await greedyAnswers(model, ids, { maxNewTokens, signal });
    onStep?.(`distributions of ${letter}`);
    const given: (readonly CoarseDistribution[])[] = [];
    const first: (CoarseDistribution | undefined)[] = [];
    const { vocabularySize } = side.tokenizer;
    for (const [at, own] of ids.entries()) {
      const asked = before ? before.asked.answers[at]?.ids : answers[at]?.ids;
      const theirs = before?.reads[at]?.ids ?? own;
      const passage = asked && theirs.length > 0 ? passageOf(theirs, asked) : undefined;
      const known = passage?.ids.every((id) => id < vocabularySize) && passage.ids.length <= model.contextLength;
      const found = passage && known ? await distributionsOf(model, passage, signal, before?.asked.given[at]) : [];
      given.push(found);
      const named = before?.asked.first[at];
      const same = sameIds(own, theirs) && found[0] !== undefined;
      if (same) first.push(found[0]);
      else if (own.length === 0 || (before && named === undefined)) first.push(undefined);
      else first.push((await distributionsOf(model, passageOf(own, []), signal, named && [named]))[0]);
    }
    return { engine: model.facts, answers, given, first };
  } finally {
    await model.close();
  }
}
