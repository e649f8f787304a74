// The judges of an experiment. Models are found at once, and opened when they have something to judge.

import { locate } from "../checkpoint/locate.js";
import { RetemperError } from "../errors.js";
import { classifierJudge } from "../evaluate/judges/classifierJudge.js";
import { type KeywordJudgeOptions, keywordJudge, PHRASE_LISTS } from "../evaluate/judges/keywordJudge.js";
import { wildGuardJudge } from "../evaluate/judges/wildGuard.js";
import type { Judge } from "../evaluate/types.js";
import { openModel } from "../generate/openModel.js";
import { openClassifier } from "../nn/encoders/openClassifier.js";
import { engineOf } from "./engineOf.js";
import type { ExperimentSettings } from "./schema.js";

export interface OpenJudges {
  readonly judges: readonly Judge[];
  /** The models that they ask. */
  readonly sources: readonly string[];
  close(): Promise<void>;
}

/** @throws RetemperError for a judge that is not known or not there */
export async function openJudges(settings: ExperimentSettings): Promise<OpenJudges> {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const engine = engineOf(settings);
  const wildGuard = async (source: string, name: string | undefined) => {
    await locate({ path: source });
    sources.push(source);
    return wildGuardJudge(async () => keep(await openModel(source, engine)), { name, source });
  };
  const close = async () => {
    for (const one of opened) await one.close();
  };
  const judges: Judge[] = [];
  const sources: string[] = [];
  try {
    for (const one of settings.safety.judges) {
      if (typeof one !== "string") {
        if ("keyword" in one)
          judges.push(keywordJudge({ phrases: phrases(one.keyword), ignoreCase: one.ignoreCase, name: one.name }));
        else if ("wildguard" in one) judges.push(await wildGuard(one.wildguard, one.name));
        else {
          judges.push(classifierJudge(keep(await openClassifier(one.classifier, engine)), { name: one.name }));
          sources.push(one.classifier);
        }
        continue;
      }
      const [, kind, rest] = /^(keyword|wildguard)(?::(.+))?$/s.exec(one) ?? [];
      if (kind === "keyword") judges.push(keywordJudge({ phrases: phrases(rest ?? "refusals") }));
      else if (kind === "wildguard") judges.push(await wildGuard(rest ?? "allenai/wildguard", undefined));
      else throw unknown(one);
    }
    const names = judges.map(({ name }) => name);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) {
      throw new RetemperError("USAGE", `two judges are called ${twice}`, { hint: "give each a name of its own" });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { judges, sources, close };
}

function unknown(one: string): RetemperError {
  return new RetemperError("USAGE", `There is no judge ${JSON.stringify(one)}.`, {
    hint: "there are keyword, keyword:gcg, keyword:qi, wildguard, wildguard:MODEL, { keyword: [phrases] }, { classifier: MODEL }",
  });
}

function phrases(words: string | readonly string[]): KeywordJudgeOptions["phrases"] {
  if (typeof words !== "string") return words;
  if (words === "refusals" || Object.hasOwn(PHRASE_LISTS, words)) return words as KeywordJudgeOptions["phrases"];
  throw new RetemperError("USAGE", `There is no list of phrases ${JSON.stringify(words)}.`, {
    hint: `there are refusals, ${Object.keys(PHRASE_LISTS).join(" and ")}; or give the phrases themselves`,
  });
}
