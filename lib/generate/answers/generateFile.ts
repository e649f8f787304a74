// Answers a list of prompts into a file, and goes on where an earlier run was stopped.

import { rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError, isSystemError } from "../../files/ioError.js";
import { readIfThere } from "../../files/readIfThere.js";
import { writeWhole } from "../../files/writeWhole.js";
import { lockBeside } from "../../output/lockBeside.js";
import { settingsOf } from "../settings.js";
import type { EngineFacts, GenerateOptions, TextGenerator } from "../types.js";
import { type AnswerFacts, answerSettings, continued, promptsDigest } from "./answerFacts.js";
import { AnswerFile } from "./answerFile.js";
import { type AnswerRecord, type NamedPrompt, recordOf } from "./answerLine.js";

export interface GenerateFileOptions extends Omit<GenerateOptions, "skip"> {
  /** Begins anew where the file holds answers, whatever they are. */
  readonly force?: boolean | undefined;
  /** Called for each answer that was written. */
  readonly onAnswer?: ((record: AnswerRecord) => void) | undefined;
}

export interface GenerateFileReport {
  readonly out: string;
  /** The file beside it, which says how the answers were made. */
  readonly factsFile: string;
  readonly prompts: number;
  /** Answers in the file, and those of them that this run found there. */
  readonly answers: number;
  readonly kept: number;
  /** Of this run's answers. */
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly seconds: number;
  readonly engine: EngineFacts;
}

/**
 * Answers the prompts into `out`, a file of one JSON object a line, each written when it is there. `out.facts.json` says how
 * they were made: settings, engine, versions, device.
 *
 * A file that holds answers is gone on with: what is there is not asked again, and a line that was cut off is dropped. The
 * complete file is the same, byte for byte, however often the run was stopped.
 * @throws RetemperError OUTPUT_EXISTS for answers that were made otherwise (without `force`), or while another run writes
 * them; what `generate` throws.
 * @example
 * ```ts
 * import { generateFile, openModel } from "retemper";
 *
 * const model = await openModel("models/aligned");
 * const prompts = [
 *   { id: "a", prompt: [{ role: "user", content: "How is the weather?" }] },
 *   { id: "b", prompt: [{ role: "user", content: "Good morning!" }] },
 * ];
 * const first = await generateFile(model, prompts, "answers.jsonl", { maxNewTokens: 8 });
 * const again = await generateFile(model, prompts, "answers.jsonl", { maxNewTokens: 8 }); // nothing is left to do
 * await model.close();
 * console.log(first.answers, first.kept, again.kept); // 2 0 2
 * ```
 */
export async function generateFile(
  model: TextGenerator,
  prompts: readonly NamedPrompt[],
  out: string,
  options: GenerateFileOptions = {},
): Promise<GenerateFileReport> {
  const { force = false, onAnswer, onProgress, onFailure, ...asked } = options;
  asked.signal?.throwIfAborted();
  const started = performance.now();
  const path = resolve(out);
  const factsFile = `${path}.facts.json`;
  const lock = await lockBeside(path, "lock");
  try {
    const facts = await factsFor(path, factsFile, force, model, prompts, options);
    if (force) await rm(path, { force: true });
    await writeWhole(factsFile, `${JSON.stringify(facts, null, 2)}\n`);
    const file = await AnswerFile.open(path);
    try {
      const kept = file.answers.length;
      let promptTokens = 0;
      let newTokens = 0;
      let failures = 0;
      const generating = model.generate(
        prompts.map(({ prompt }) => prompt),
        {
          ...asked,
          skip: (answer) => file.has(answer),
          onProgress: onProgress && ((now) => onProgress({ ...now, done: now.done + kept, total: now.total + kept })),
          onFailure:
            onFailure &&
            ((failure) => {
              failures += 1;
              onFailure(failure);
            }),
        },
      );
      for await (const answer of generating) {
        const record = recordOf(answer, prompts[answer.index]?.id);
        await file.add(record);
        promptTokens += answer.promptTokens;
        newTokens += answer.ids.length;
        onAnswer?.(record);
      }
      if (failures === 0) await file.complete();
      const answers = file.answers.length;
      const seconds = (performance.now() - started) / 1000;
      const counts = { prompts: prompts.length, answers, kept, promptTokens, newTokens };
      return { out, factsFile, ...counts, seconds, engine: model.facts };
    } finally {
      await file.close();
      // a run that fails before its first answer leaves nothing behind
      if (file.answers.length === 0 && prompts.length > 0) {
        await rm(path, { force: true });
        await rm(factsFile, { force: true });
      }
    }
  } catch (error) {
    throw ioFailure(error, path);
  } finally {
    await lock.release();
  }
}

async function factsFor(
  path: string,
  factsFile: string,
  force: boolean,
  model: TextGenerator,
  prompts: readonly NamedPrompt[],
  options: GenerateOptions,
): Promise<AnswerFacts> {
  const { fromDisk: _, ...engine } = model.facts; // of the memory that was free, and no answer depends on it
  const now: AnswerFacts = {
    version: 1,
    settings: answerSettings(settingsOf(options)),
    prompts: { count: prompts.length, sha256: promptsDigest(prompts) },
    engines: [engine],
  };
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (force || size === 0) return now;
  const before = await readFacts(factsFile);
  if (before) return continued(before, now, prompts, path);
  throw new RetemperError("OUTPUT_EXISTS", `is there, and nothing says how it was made: there is no ${factsFile}`, {
    file: path,
    hint: "give another --out, or replace it with --force",
  });
}

async function readFacts(file: string): Promise<AnswerFacts | undefined> {
  const text = await readIfThere(file, { most: 2 ** 26, what: "the facts of answers" });
  try {
    const value = JSON.parse(text ?? "null") as AnswerFacts | null;
    return value?.version === 1 ? value : undefined;
  } catch {
    return undefined; // no JSON: cut off, or another program's
  }
}

function ioFailure(error: unknown, file: string): unknown {
  const kept = "what is there is kept, and the next run goes on after it";
  return isSystemError(error) ? ioError(error, file, "cannot be read or written", kept) : error;
}
