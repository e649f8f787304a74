// Why a server's answers are not the model's: the model is asked as each known fault would have it, and the fault under which it
// gives the server's own log-probabilities is the cause.

import type { Generation, Model } from "../../generate/types.js";
import { shortNumber } from "../causes/findings.js";
import type { Plan } from "../plan.js";
import type { LocalSide, ServerSide } from "../sides/side.js";
import { aroundDifference, type ReadPrompt, sameIds } from "../text/compareText.js";
import type { Cause, CauseName } from "../types.js";
import { gapOf, type HeardTokens, heardTokens, sameLengths } from "./expected.js";
import { lengthCauses } from "./lengthCauses.js";
import type { Letters } from "./letters.js";
import { remedyOf } from "./remedies.js";
import { textTrials } from "./textTrials.js";
import { weightTrials } from "./weightTrials.js";

export interface Explained {
  readonly causes: readonly Cause[];
  /** Mean difference of log-probabilities as it is, in nats; undefined where the server tells none. */
  readonly gap: number | undefined;
  /** Whether the model as it is explains the server's answers. */
  readonly fits: boolean;
  /** How the server reads the prompts, where it tells. */
  readonly reads: readonly (ReadPrompt | undefined)[] | undefined;
  readonly notes: readonly string[];
}

interface Case {
  readonly local: LocalSide;
  readonly server: ServerSide;
  readonly model: Model;
  readonly heard: readonly (Generation | undefined)[];
  readonly reads: readonly ReadPrompt[];
  readonly letters: Letters;
}

/** Engines that round otherwise differ by this much in the mean, in nats. */
const ENGINES = 0.02;
/** A trial that leaves so little of the difference explains it. */
const LEFT = 0.2;
/** What the same numbers on the same kind of engine leave. */
const EXACT = 1e-4;

interface Tried {
  readonly name: CauseName;
  readonly what: string;
  readonly numeric: boolean;
  readonly gap: number;
}

export async function explainServer(of: Case, plan: Plan): Promise<Explained> {
  const { local, server, heard, reads, letters, model } = of;
  const { signal, onStep } = plan;
  const notes: string[] = [];
  const tokens = heardTokens(heard, local);
  const own = reads.map(({ ids }) => ids);
  const told = await toldReads(server, plan);
  const toldCause = told && tokensCause(of, told, plan);
  const storage = storageCause(local, server);
  const gap = await gapOf(model, tokens, own, { signal });
  const lengths = heard.map((one) => one?.promptTokens ?? 0);
  const numbers = { gap, reads: told, notes };
  if (gap === undefined) {
    notes.push(
      `${letters.server} tells no log-probabilities that belong to its answers' tokens: its answers were not explained`,
    );
    const pair =
      letters.server === "B" ? [own.map(({ length }) => length), lengths] : [lengths, own.map(({ length }) => length)];
    const found = toldCause ? [toldCause] : lengthCauses(pair[0] as number[], pair[1] as number[], plan.prompts);
    return { ...numbers, causes: [...found, ...storage], fits: false };
  }
  const sameCounts = sameLengths(tokens, own) !== false;
  if (gap <= EXACT && sameCounts && !toldCause) return { ...numbers, causes: storage, fits: true };
  onStep?.("trials of known faults");
  const text = toldCause || (sameCounts && gap <= ENGINES) ? [] : await tryTexts(of, tokens, plan);
  const textBest = best(text, gap);
  // Prompts of other lengths are no matter of weights.
  const weights = textBest || toldCause || !sameCounts ? [] : await tryWeights(of, tokens, gap, plan);
  const found = textBest ?? best(weights, gap);
  if (found !== undefined) {
    const cause = causeOf(found, gap, letters, sameCounts);
    return { ...numbers, causes: [...(toldCause ? [toldCause] : []), cause, ...storage], fits: false };
  }
  if (toldCause) return { ...numbers, causes: [toldCause, ...storage], fits: false };
  if (!sameCounts) {
    const pair = own.map(({ length }) => length);
    const [one, other] = letters.server === "B" ? [pair, lengths] : [lengths, pair];
    return { ...numbers, causes: [...lengthCauses(one, other, plan.prompts), ...storage], fits: false };
  }
  if (gap <= ENGINES || storage.length > 0) return { ...numbers, causes: storage, fits: gap <= ENGINES };
  return { ...numbers, causes: [remaining(local, gap, [...text, ...weights], letters)], fits: false };
}

async function tryTexts({ local, model }: Case, heard: readonly HeardTokens[], plan: Plan): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const { name, what, ids } of await textTrials(local, plan)) {
    // A server that counts other tokens does not do this.
    if (sameLengths(heard, ids) === false) continue;
    const gap = await gapOf(model, heard, ids, { signal: plan.signal });
    if (gap !== undefined) tried.push({ name, what, numeric: false, gap });
  }
  return tried;
}

async function tryWeights(
  { local, reads }: Case,
  heard: readonly HeardTokens[],
  gap: number,
  plan: Plan,
): Promise<Tried[]> {
  const tried: Tried[] = [];
  const ids = reads.map((read) => read.ids);
  for (const { trials, open } of weightTrials(local, plan)) {
    const rounding = trials.every(({ numeric }) => numeric);
    // Rounding to 16 bits explains small differences only, and nothing else explains those.
    if (rounding !== gap <= ENGINES) continue;
    const model = await open();
    try {
      for (const { name, what, numeric, lambda } of trials) {
        const left = await gapOf(model, heard, ids, { lambda, signal: plan.signal });
        if (left !== undefined) tried.push({ name, what, numeric, gap: left });
      }
    } finally {
      await model.close();
    }
    if (best(tried, gap)) break;
  }
  return tried;
}

/** The trial that leaves least, where that is little enough. */
function best(tried: readonly Tried[], gap: number): Tried | undefined {
  const [least] = [...tried].sort((x, y) => x.gap - y.gap);
  if (least === undefined) return undefined;
  return least.gap <= LEFT * gap && least.gap <= 0.1 ? least : undefined;
}

function causeOf(
  { name, what, numeric, gap: left }: Tried,
  gap: number,
  { local, server }: Letters,
  sameCounts: boolean,
): Cause {
  return {
    name,
    sure: left <= ENGINES && left <= gap / 10 ? "certain" : "likely",
    summary: `The server ${what}.`,
    evidence: [
      `its log-probabilities are ${shortNumber(gap)} nats a token from those of ${local}, and ${shortNumber(left)} from those of ${local} when it ${what}`,
      ...(sameCounts ? [] : [`${server} counts other numbers of prompt tokens than ${local}, and those of this trial`]),
    ],
    remedy: remedyOf(name),
    numeric,
  };
}

/** Below this difference, in nats, quantised weights are the usual reason; above it other ones. */
const QUANTISED = 0.1;

/** The numbers are others, and no fault that was tried gives them: what is left, with little to tell it apart by. */
function remaining(local: LocalSide, gap: number, tried: readonly Tried[], { server }: Letters): Cause {
  const [nearest] = [...tried].sort((x, y) => x.gap - y.gap);
  const adapter = local.line?.what === "adapter";
  const name = gap <= QUANTISED ? "quantisation" : adapter ? "other-base" : "other-weights";
  const what =
    name === "quantisation"
      ? "quantised weights, or ones that differ as little"
      : adapter
        ? "another base under the adapter, or other weights"
        : "other weights";
  return {
    name,
    sure: "possible",
    summary: `${server} reads the same prompts and computes other numbers: ${what}.`,
    evidence: [
      `its log-probabilities are ${shortNumber(gap)} nats a token apart`,
      `${tried.length} known faults were tried, and none gives its numbers${nearest ? `; nearest: it ${nearest.what}, ${shortNumber(nearest.gap)} nats` : ""}`,
    ],
    remedy:
      "Compare with the served files instead of the server: retemper behave A FOLDER names the tensors that differ.",
    numeric: name === "quantisation",
  };
}

function storageCause(local: LocalSide, { says: { storage } }: ServerSide): Cause[] {
  if (storage === undefined || local.facts.storage === undefined || storage === local.facts.storage) return [];
  const quantised = !/^(B?F16|F32)$/.test(storage);
  return [
    {
      name: quantised ? "quantisation" : "dtype",
      sure: "certain",
      summary: `The server runs ${storage}, and the weights here are ${local.facts.storage}.`,
      evidence: ["as the server tells"],
      remedy: remedyOf(quantised ? "quantisation" : "dtype"),
      numeric: true,
    },
  ];
}

async function toldReads(
  { says }: ServerSide,
  { prompts, signal }: Plan,
): Promise<(ReadPrompt | undefined)[] | undefined> {
  if (says.program === undefined || says.program === "ollama") return undefined;
  const reads: (ReadPrompt | undefined)[] = [];
  for (const { prompt } of prompts) {
    const ids = await says.promptIds(prompt, signal);
    reads.push(ids && { ids });
  }
  return reads.some((read) => read !== undefined) ? reads : undefined;
}

/** Where the server tells its tokens, what is other about them. */
function tokensCause(
  { local, reads, letters }: Case,
  told: readonly (ReadPrompt | undefined)[],
  plan: Plan,
): Cause | undefined {
  const { tokenizer } = local;
  const others = reads.flatMap((read, at) =>
    told[at] && !sameIds(read.ids, (told[at] as ReadPrompt).ids) ? [at] : [],
  );
  const [first] = others;
  if (first === undefined) return undefined;
  const [mine, theirs] = [reads[first] as ReadPrompt, told[first] as ReadPrompt];
  const shown = aroundDifference(tokenizer.decode(mine.ids), tokenizer.decode(theirs.ids));
  const evidence = [
    `${others.length} of ${told.filter(Boolean).length} prompts become other tokens on the server`,
    `prompt ${plan.prompts[first]?.id ?? first}: ${letters.local} has ${JSON.stringify(shown.a)}`,
    `prompt ${plan.prompts[first]?.id ?? first}: ${letters.server} has ${JSON.stringify(shown.b)}`,
  ];
  const every = (fits: (mine: readonly number[], theirs: readonly number[]) => boolean) =>
    others.every((at) => fits((reads[at] as ReadPrompt).ids, (told[at] as ReadPrompt).ids));
  const more = every((of, ofServer) => sameIds(of, ofServer.slice(1)));
  const fewer = every((of, ofServer) => sameIds(of.slice(1), ofServer));
  const twice = more && theirs.ids[0] === theirs.ids[1];
  const name = twice ? "doubled-bos" : more || fewer ? "bos" : "chat-template";
  return {
    name,
    sure: "certain",
    summary: `The server makes other tokens of the same prompts${more || fewer ? ": another beginning" : ""}.`,
    evidence,
    remedy: remedyOf(name),
    numeric: false,
  };
}
