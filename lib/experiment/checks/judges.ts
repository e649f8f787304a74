// The judges of an experiment. Models are found at once, and opened when they have something to judge.

import { locate } from "../../checkpoint/locate.js";
import { openFolder } from "../../checkpoint/modelFolder.js";
import { RetemperError } from "../../errors.js";
import { classifierJudge } from "../../evaluate/judges/classifierJudge.js";
import type { NamedJudgeOptions } from "../../evaluate/judges/judgeOptions.js";
import { type KeywordJudgeOptions, keywordJudge, PHRASE_LISTS } from "../../evaluate/judges/keywordJudge.js";
import { JUDGE_NAMES, type NamedJudge, namedJudge } from "../../evaluate/judges/namedJudges.js";
import type { Judge } from "../../evaluate/types.js";
import { openModel } from "../../generate/openModel.js";
import type { WeightsForm } from "../../generate/types.js";
import { adapterFidelity } from "../../generate/virtual/adapterFidelity.js";
import { openClassifier } from "../../nn/encoders/openClassifier.js";
import { nearest } from "../../recipe/suggest.js";
import { engineOf } from "../settings/engineOf.js";
import { modelParts } from "../settings/modelParts.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";

export interface OpenJudges {
  readonly judges: readonly Judge[];
  /** The models that they ask. */
  readonly sources: readonly string[];
  close(): Promise<void>;
}

/** Undefined where a judge is not known or not there: each such one is a problem. */
export async function openJudges(settings: ExperimentSettings, problems: Problems): Promise<OpenJudges | undefined> {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const engine = engineOf(settings);
  const openNamed = async (
    { source, open }: NamedJudge,
    { weights, ...options }: NamedJudgeOptions & { readonly weights?: WeightsForm | undefined },
  ): Promise<Judge> => {
    for (const part of modelParts(source)) {
      const folder = part && (await locate(part));
      if (folder !== undefined && weights === "asStored") await requireBlocks(source, folder);
    }
    sources.push(source);
    const how = { ...engine, fidelity: adapterFidelity(source), weights };
    const judge = open(async () => keep(await openModel(source, how)), options);
    return weights === undefined ? judge : { ...judge, facts: { ...judge.facts, weights } };
  };
  const close = async () => {
    for (const one of opened) await one.close();
  };
  const judges: Judge[] = [];
  const sources: string[] = [];
  const open = async (one: ExperimentSettings["safety"]["judges"][number]): Promise<Judge> => {
    if (typeof one === "string") {
      const named = namedJudge(one);
      if (named) return openNamed(named, {});
      const [, kind, rest] = /^(keyword)(?::(.+))?$/s.exec(one) ?? [];
      if (kind === "keyword") return keywordJudge({ phrases: phrases(rest ?? "refusals") });
      throw unknown(one);
    }
    if ("keyword" in one) {
      return keywordJudge({ phrases: phrases(one.keyword), ignoreCase: one.ignoreCase, name: one.name });
    }
    if ("wildguard" in one) {
      const { wildguard, ...options } = one;
      return openNamed(namedJudge(`wildguard:${wildguard}`) as NamedJudge, options);
    }
    if ("judge" in one) {
      const { judge, ...options } = one;
      const named = namedJudge(judge);
      if (!named) throw unknown(judge);
      return openNamed(named, options);
    }
    const classifier = keep(await openClassifier(one.classifier, engine));
    sources.push(one.classifier);
    return classifierJudge(classifier, { name: one.name });
  };
  let complete = true;
  for (const [at, one] of settings.safety.judges.entries()) {
    const path = ["safety", "judges", at];
    const judge = await problems.attempt(async () => {
      const opened = await open(one);
      if (!judges.some(({ name }) => name === opened.name)) return opened;
      throw new RetemperError("USAGE", `two judges are called ${opened.name}`, {
        hint: "give each a name of its own",
      });
    }, path);
    if (judge) judges.push(judge);
    else complete = false;
  }
  if (complete) return { judges, sources, close };
  await close();
  return undefined;
}

/** A judge is opened when it has something to judge: what `openModel` would refuse then is refused before the start. */
async function requireBlocks(source: string, folder: string): Promise<void> {
  if ((await openFolder(folder)).gguf !== undefined) return;
  throw new RetemperError("BAD_INPUT", `weights: asStored is of GGUF files, and the judge ${source} is none`, {
    hint: "leave weights out",
  });
}

function unknown(one: string): RetemperError {
  const near = nearest(one.split(":")[0] ?? "", ["keyword", ...JUDGE_NAMES]);
  const meant = near === undefined ? "" : `did you mean \`${near}\`? `;
  return new RetemperError("USAGE", `There is no judge ${JSON.stringify(one)}.`, {
    hint: `${meant}there are keyword, keyword:gcg, keyword:qi, ${JUDGE_NAMES.join(", ")}, each of these also with :MODEL, { keyword: [phrases] }, { classifier: MODEL }`,
  });
}

function phrases(words: string | readonly string[]): KeywordJudgeOptions["phrases"] {
  if (typeof words !== "string") return words;
  if (words === "refusals" || Object.hasOwn(PHRASE_LISTS, words)) return words as KeywordJudgeOptions["phrases"];
  const near = nearest(words, ["refusals", ...Object.keys(PHRASE_LISTS)]);
  const meant = near === undefined ? "" : `did you mean \`${near}\`? `;
  throw new RetemperError("USAGE", `There is no list of phrases ${JSON.stringify(words)}.`, {
    hint: `${meant}there are refusals, ${Object.keys(PHRASE_LISTS).join(" and ")}; or give the phrases themselves`,
  });
}
