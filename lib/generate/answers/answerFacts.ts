// The file beside an answers file: how its answers were made. It decides whether a later run may go on with them.

import { createHash } from "node:crypto";
import { RetemperError } from "../../errors.js";
import type { GenerateSettings } from "../settings.js";
import type { EngineFacts } from "../types.js";
import type { NamedPrompt } from "./answerLine.js";

export interface AnswerFacts {
  /** Of this format. */
  readonly version: 1;
  readonly settings: AnswerSettings;
  /** How many prompts there are, and a sha256 over them: a file may grow, but not change. */
  readonly prompts: { readonly count: number; readonly sha256: string };
  /** What made the answers: one a machine and setup that had a part. */
  readonly engines: readonly EngineFacts[];
}

/** What decides an answer beside prompt and model. How many sequences were in work, or how many threads, does not. */
export type AnswerSettings = Omit<GenerateSettings, "batch" | "maxNewTokensTold" | "n">;

export function answerSettings({
  batch: _,
  maxNewTokensTold: __,
  n: ___,
  ...settings
}: GenerateSettings): AnswerSettings {
  return settings;
}

export function promptsDigest(prompts: readonly NamedPrompt[]): string {
  const digest = createHash("sha256");
  for (const { prompt, id } of prompts) digest.update(`${JSON.stringify([prompt, id ?? null])}\n`);
  return digest.digest("hex");
}

/**
 * The facts of a run that goes on where another one stopped.
 * @throws RetemperError OUTPUT_EXISTS where its answers would not be those of one run: the message says what differs.
 */
export function continued(
  before: AnswerFacts,
  now: AnswerFacts,
  prompts: readonly NamedPrompt[],
  file: string,
): AnswerFacts {
  const differ = (what: string) =>
    new RetemperError("OUTPUT_EXISTS", `holds answers that were made otherwise: ${what}`, {
      file,
      hint: "give another --out, or begin anew with --force",
    });
  for (const key of Object.keys(now.settings) as (keyof AnswerSettings)[]) {
    const [then, today] = [before.settings?.[key], now.settings[key]].map((value) => JSON.stringify(value));
    if (then !== today) throw differ(`${key} was ${then}, now it is ${today}`);
  }
  const { count = 0, sha256 } = before.prompts ?? {};
  if (count > prompts.length) throw differ(`there were ${count} prompts, now there are ${prompts.length}`);
  if (sha256 !== promptsDigest(prompts.slice(0, count))) throw differ("the prompts have changed");
  const [engine] = now.engines as [EngineFacts];
  for (const then of before.engines ?? []) {
    // The same files may have another name today.
    const identity = engine.fingerprint === undefined ? "model" : "fingerprint";
    for (const key of [identity, "engine", "precision", "cache", "fidelity", "weights"] as const) {
      if (then[key] === engine[key]) continue;
      throw differ(
        key === "fingerprint"
          ? "the files of the model have changed"
          : `${key} was ${then[key]}, now it is ${engine[key]}`,
      );
    }
  }
  const known = (before.engines ?? []).some((then) => JSON.stringify(then) === JSON.stringify(engine));
  return { ...now, engines: known ? before.engines : [...(before.engines ?? []), engine] };
}
