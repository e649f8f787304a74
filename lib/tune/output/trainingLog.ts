// The log of a training: one JSON object a step.

import { type FileHandle, open } from "node:fs/promises";
import { ioError } from "../../files/ioError.js";
import { readIfThere } from "../../files/readIfThere.js";
import { KEPT, writeWhole } from "../../files/writeWhole.js";
import type { TuneProgress } from "../types.js";

export class TrainingLog {
  private readonly file: FileHandle;

  private readonly path: string;

  private constructor(file: FileHandle, path: string) {
    this.file = file;
    this.path = path;
  }

  /** Opens the log for what follows step `done`: lines beyond it, of a run that was killed later, are left out. */
  static async open(path: string, done: number): Promise<TrainingLog> {
    const limit = { most: 2 ** 29, what: "the log of a training" };
    const before = (await readIfThere(path, limit)) ?? "";
    const kept = before.split("\n").filter((line) => stepOf(line) <= done);
    await writeWhole(path, kept.map((line) => `${line}\n`).join(""));
    const file = await open(path, "a").catch((error) => {
      throw ioError(error, path, "cannot write", KEPT);
    });
    return new TrainingLog(file, path);
  }

  /** @throws RetemperError NO_SPACE, IO */
  async write({ done, total, ...facts }: Omit<TuneProgress, "secondsLeft">): Promise<void> {
    try {
      await this.file.appendFile(`${JSON.stringify({ step: done, of: total, ...facts })}\n`);
    } catch (error) {
      throw ioError(error, this.path, "cannot write", KEPT);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** Infinity for what is no whole line of a log. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
