// A comparison in which at least one side is a server: only answers are seen, and what a server tells of itself.

import type { EngineFacts, Generation } from "../generate/types.js";
import { samplingCause } from "./causes/endingCauses.js";
import type { Pair } from "./causes/findings.js";
import type { Gathered } from "./gathered.js";
import { greedyAnswers } from "./numbers/askModel.js";
import { compareAnswers } from "./numbers/compareAnswers.js";
import type { Plan } from "./plan.js";
import { answerEnds } from "./served/answerEnds.js";
import { drawsByDefault } from "./served/drawsByDefault.js";
import { explainServer } from "./served/explainServer.js";
import { hear } from "./served/hear.js";
import { lengthCauses } from "./served/lengthCauses.js";
import type { Letters } from "./served/letters.js";
import { samplingOfServer } from "./served/samplingOfServer.js";
import type { LocalSide, ServerSide, Side } from "./sides/side.js";
import { compareReads } from "./text/compareReads.js";
import { readPrompt } from "./text/compareText.js";
import type { Cause } from "./types.js";

type Answers = readonly (Generation | undefined)[];

/** @throws RetemperError NETWORK for a server that nobody answers at; what asking and opening throw */
export async function compareServed(a: Side, b: Side, plan: Plan): Promise<Gathered> {
  if (a.kind === "local" && b.kind === "server") return withModel(a, b, { local: "A", server: "B" }, plan);
  if (a.kind === "server" && b.kind === "local")
    return swapped(await withModel(b, a, { local: "B", server: "A" }, plan));
  return twoServers(a as ServerSide, b as ServerSide, plan);
}

/** `told` and `answers` have the model here as A. */
async function withModel(local: LocalSide, server: ServerSide, letters: Letters, plan: Plan): Promise<Gathered> {
  const { prompts, maxNewTokens, signal, onStep } = plan;
  onStep?.(`answers of ${letters.server}`);
  const heard = await hear(server, letters.server, plan);
  const notes = [...heard.notes];
  const reads = prompts.map(({ prompt }) => readPrompt(prompt, local.tokenizer));
  onStep?.(`opening ${letters.local}`);
  const model = await local.open();
  let own: Answers;
  let engine: EngineFacts;
  let explained: Awaited<ReturnType<typeof explainServer>>;
  try {
    onStep?.(`answers of ${letters.local}`);
    own = await greedyAnswers(
      model,
      reads.map(({ ids }) => ids),
      { maxNewTokens, signal },
    );
    engine = model.facts;
    explained = await explainServer({ local, server, model, heard: heard.answers, reads, letters }, plan);
  } finally {
    await model.close();
  }
  const causes: Cause[] = [...explained.causes];
  if (explained.fits) causes.push(...answerEnds(own, heard.answers, local, letters));
  onStep?.(`sampling of ${letters.server}`);
  causes.push(...(await samplingOfServer(local, server, heard.answers, letters, plan)));
  return {
    causes,
    text: explained.reads && compareReads(reads, explained.reads),
    firstToken: undefined,
    sameTokens: undefined,
    logprobGap: explained.gap,
    answers: compareAnswers(own, heard.answers, [local.tokenizer, local.tokenizer]),
    told: { a: own, b: heard.answers },
    weights: undefined,
    engines: { a: engine, b: heard.engine },
    notes: [...notes, ...explained.notes],
  };
}

/** The same findings, told from the other end. */
function swapped(gathered: Gathered): Gathered {
  const swap = <T>({ a, b }: Pair<T>): Pair<T> => ({ a: b, b: a });
  const { answers, text, told, engines } = gathered;
  return {
    ...gathered,
    ...(text && { text: { ...text, differences: text.differences.map((one) => ({ ...one, ...swap(one) })) } }),
    answers: { ...answers, divergences: answers.divergences.map((one) => ({ ...one, ...swap(one) })) },
    told: swap(told),
    engines: swap(engines),
  };
}

async function twoServers(a: ServerSide, b: ServerSide, plan: Plan): Promise<Gathered> {
  plan.onStep?.("answers of A");
  const ofA = await hear(a, "A", plan);
  plan.onStep?.("answers of B");
  const ofB = await hear(b, "B", plan);
  const lengths = (answers: Answers) => answers.map((one) => one?.promptTokens ?? 0);
  const causes: Cause[] = [...lengthCauses(lengths(ofA.answers), lengths(ofB.answers), plan.prompts)];
  plan.onStep?.("sampling");
  const [draws, others] = [await drawsByDefault(a, ofA.answers, plan), await drawsByDefault(b, ofB.answers, plan)];
  if (draws.draws !== undefined && others.draws !== undefined && draws.draws !== others.draws) {
    causes.push(samplingCause("certain", [`A: ${draws.evidence}`, `B: ${others.evidence}`]));
  }
  if (a.facts.storage !== undefined && b.facts.storage !== undefined && a.facts.storage !== b.facts.storage) {
    causes.push({
      name: "quantisation",
      sure: "certain",
      summary: `The servers run other formats: ${a.facts.storage} and ${b.facts.storage}.`,
      evidence: ["as the servers tell"],
      remedy: "Serve the same file, or accept this much with --tolerance.",
      numeric: true,
    });
  }
  const gap = causes.length === 0 ? commonGap(ofA.answers, ofB.answers) : undefined;
  return {
    causes,
    text: undefined,
    firstToken: undefined,
    sameTokens: undefined,
    logprobGap: gap,
    answers: compareAnswers(ofA.answers, ofB.answers, undefined),
    told: { a: ofA.answers, b: ofB.answers },
    weights: undefined,
    engines: { a: ofA.engine, b: ofB.engine },
    notes: [
      ...ofA.notes,
      ...ofB.notes,
      "of two servers only answers are seen: compare one of them with the model's files to see more",
    ],
  };
}

/** Mean difference of log-probabilities over the tokens before two answers part. */
function commonGap(a: Answers, b: Answers): number | undefined {
  let sum = 0;
  let count = 0;
  for (const [at, one] of a.entries()) {
    const other = b[at];
    if (!one?.logprobs || !other?.logprobs) continue;
    // Without ids, equal texts have equal tokens; of others only the first token's context is the same.
    const common = one.text === other.text ? Math.min(one.logprobs.length, other.logprobs.length) : 0;
    for (let i = 0; i < common; i++) {
      sum += Math.abs((one.logprobs[i] as number) - (other.logprobs[i] as number));
      count += 1;
    }
  }
  return count === 0 ? undefined : sum / count;
}
