// A file of answers, one a line, that grows as they come: whatever ends the run, what is there stays, and the next run goes
// on after it. When the last answer is there, the lines are put in the order of the prompts.

import { type FileHandle, open, truncate } from "node:fs/promises";
import { readFull } from "../../files/readPiece.js";
import { requireInPlace } from "../../files/requireInPlace.js";
import { writeWhole } from "../../files/writeWhole.js";
import { type AnswerPlace, type AnswerRecord, keyOf } from "./answerLine.js";
import { type PlacedAnswer, readAnswerLines } from "./answerLines.js";

export class AnswerFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #answers: Map<string, PlacedAnswer>;
  #end: number;

  private constructor(path: string, handle: FileHandle, answers: readonly PlacedAnswer[], end: number) {
    this.#path = path;
    this.#handle = handle;
    this.#answers = new Map(answers.map((answer) => [keyOf(answer), answer]));
    this.#end = end;
  }

  /** Opens the file to go on with it, or makes it; the beginning of a line at its end is dropped. */
  static async open(path: string): Promise<AnswerFile> {
    const { answers, end } = await readAnswerLines(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return { answers: [], end: 0 };
      throw error;
    });
    const handle = await open(path, "a");
    const { size } = await handle.stat();
    if (size > end) await truncate(path, end);
    return new AnswerFile(path, handle, answers, end);
  }

  get answers(): readonly PlacedAnswer[] {
    return [...this.#answers.values()];
  }

  has(answer: AnswerPlace): boolean {
    return this.#answers.has(keyOf(answer));
  }

  /** Writes a line; it is in the file, though perhaps not yet on the disk, when this resolves. */
  async add(record: AnswerRecord): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    await this.#handle.appendFile(line);
    const { index, sample, lambda, weights, variant } = record;
    const placed = { index, sample, lambda, weights, variant, offset: this.#end, bytes: line.length };
    this.#answers.set(keyOf(record), placed);
    this.#end += line.length;
  }

  /** All answers are there: brings the file to the disk, in the order of prompts, samples, and lambdas, variants or weights. */
  async complete(): Promise<void> {
    await this.#handle.sync();
    requireInPlace(this.#path, await this.#handle.stat());
    const lines = this.answers;
    const which = ({ lambda, variant }: AnswerPlace) => lambda ?? variant ?? 0;
    const sorted = [...lines].sort(
      (a, b) =>
        a.index - b.index || a.sample - b.sample || which(a) - which(b) || (a.weights && keyOf(a) < keyOf(b) ? -1 : 0),
    );
    const bytes = sorted.reduce((sum, line) => sum + line.bytes, 0);
    if (bytes !== this.#end || sorted.some((line, i) => line !== lines[i])) await this.#rewrite(sorted);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #rewrite(lines: readonly PlacedAnswer[]): Promise<void> {
    const path = this.#path;
    const from = await open(path, "r");
    try {
      await writeWhole(path, linesOf(from, lines, path));
    } finally {
      await from.close();
    }
  }
}

async function* linesOf(from: FileHandle, lines: readonly PlacedAnswer[], path: string): AsyncGenerator<Buffer> {
  for (const { offset, bytes } of lines) {
    const line = Buffer.allocUnsafe(bytes);
    await readFull(from, line, offset, path);
    yield line;
  }
}
