// What a judge that is a language model reads and writes for each answer: for the plan, and to find a context that is too small.

import { loadAddon } from "../../addon/load.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { locate } from "../../checkpoint/locate.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import { judgeTexts } from "../../evaluate/judges/namedJudges.js";
import type { Judge, Task } from "../../evaluate/types.js";
import { decoderSpec } from "../../nn/families/decoderSpec.js";
import { stopTokensOf } from "../../nn/families/stopTokens.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import { modelParts } from "../settings/modelParts.js";

/** A judge's model, as far as its headers tell. */
export interface JudgeModelFacts {
  readonly name: string;
  readonly model: string;
  /** Numbers in its weights. */
  readonly parameters: number;
  readonly contextLength: number;
  /** Of its verdict, at most. */
  readonly maxNewTokens: number;
  /** Tokens of what it reads. */
  promptTokens(request: string, answer: string): number;
}

/** The judges that ask a language model in a folder. @throws RetemperError for a model that is broken */
export async function judgeModels(judges: readonly Judge[]): Promise<JudgeModelFacts[]> {
  const found: JudgeModelFacts[] = [];
  for (const { name, facts } of judges) {
    const { judge, model, decoding } = facts as {
      judge?: unknown;
      model?: unknown;
      decoding?: { maxNewTokens?: number };
    };
    if (typeof judge !== "string" || typeof model !== "string" || !judgeTexts(judge, "", "")) continue;
    const [base] = modelParts(model);
    const tokenizer = await openTokenizer(await locate(base));
    const { parameters, contextLength } = await modelSize(base.path);
    found.push({
      ...{ name, model, maxNewTokens: decoding?.maxNewTokens ?? 0, parameters, contextLength },
      promptTokens: (request, answer) =>
        Math.max(0, ...(judgeTexts(judge, request, answer) ?? []).map((text) => tokenizer.encode(text).length)),
    });
  }
  return found;
}

/** What a model is, from its headers alone. */
export interface ModelSize {
  readonly parameters: number;
  readonly contextLength: number;
  readonly stopTokens: readonly number[];
}

export async function modelSize(model: string): Promise<ModelSize> {
  const checkpoint = await openCheckpoint(model, { addon: loadAddon(), decodes: true });
  let parameters = 0;
  for (const tensor of checkpoint.tensors.values()) parameters += elementsOf(tensor);
  const stopTokens = await stopTokensOf(checkpoint);
  return { parameters, contextLength: decoderSpec(checkpoint, stopTokens).maxPositions, stopTokens };
}

/** Tokens that a judge reads of the answers of one model, at most, and the most of one answer. */
export function readTokens(
  judge: JudgeModelFacts,
  tasks: readonly Task[],
): { all: number; longest: number; requests: number } {
  let [all, longest, requests] = [0, 0, 0];
  for (const { items, decoding } of tasks) {
    for (const { request } of items) {
      const prompt = judge.promptTokens(request, "");
      const read = prompt + (decoding.maxNewTokens ?? 0);
      all += read * (decoding.samples ?? 1);
      longest = Math.max(longest, read);
      requests = Math.max(requests, prompt);
    }
  }
  return { all, longest, requests };
}
