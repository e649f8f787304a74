// The judges of an experiment. Models are opened when they have something to judge.

import { RetemperError } from "../errors.js";
import { classifierJudge } from "../evaluate/judges/classifierJudge.js";
import { keywordJudge, PHRASE_LISTS } from "../evaluate/judges/keywordJudge.js";
import { wildGuardJudge } from "../evaluate/judges/wildGuard.js";
import type { Judge } from "../evaluate/types.js";
import { openClassifier } from "../generate/encoders/openClassifier.js";
import { openModel } from "../generate/openModel.js";
import type { ExperimentSettings } from "./schema.js";

export interface OpenJudges {
  readonly judges: readonly Judge[];
  close(): Promise<void>;
}

/** @throws RetemperError for a judge that is not known or not there */
export async function openJudges({ safety, engine }: ExperimentSettings): Promise<OpenJudges> {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const wildGuard = (source: string, name: string | undefined) =>
    wildGuardJudge(async () => keep(await openModel(source, engine)), { name, source });
  const judges: Judge[] = [];
  for (const one of safety.judges) {
    if (typeof one !== "string") {
      if ("keyword" in one)
        judges.push(keywordJudge({ phrases: phrases(one.keyword), ignoreCase: one.ignoreCase, name: one.name }));
      else if ("wildguard" in one) judges.push(wildGuard(one.wildguard, one.name));
      else judges.push(classifierJudge(keep(await openClassifier(one.classifier, engine)), { name: one.name }));
      continue;
    }
    const [, kind, rest] = /^(keyword|wildguard)(?::(.+))?$/s.exec(one) ?? [];
    if (kind === "keyword") judges.push(keywordJudge({ phrases: phrases(rest ?? "gcg") }));
    else if (kind === "wildguard") judges.push(wildGuard(rest ?? "allenai/wildguard", undefined));
    else {
      throw new RetemperError("USAGE", `There is no judge ${JSON.stringify(one)}.`, {
        hint: "there are keyword, keyword:qi, wildguard, wildguard:MODEL, { keyword: [phrases] }, { classifier: MODEL }",
      });
    }
  }
  return {
    judges,
    close: async () => {
      for (const one of opened) await one.close();
    },
  };
}

function phrases(words: string | readonly string[]): keyof typeof PHRASE_LISTS | readonly string[] {
  if (typeof words !== "string") return words;
  if (words in PHRASE_LISTS) return words as keyof typeof PHRASE_LISTS;
  throw new RetemperError("USAGE", `There is no list of phrases ${JSON.stringify(words)}.`, {
    hint: `there are ${Object.keys(PHRASE_LISTS).join(", ")}; give phrases of your own as a list`,
  });
}
