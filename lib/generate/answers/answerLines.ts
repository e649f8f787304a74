// Reads an answers file: which answers it holds, and where their lines lie.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { RetemperError } from "../../errors.js";
import { wholeLines } from "../../files/readLines.js";
import { type AnswerPlace, parseLine } from "./answerLine.js";

export interface PlacedAnswer extends AnswerPlace {
  /** Of the line in the file, with its newline. */
  readonly offset: number;
  readonly bytes: number;
}

export interface AnswerLines {
  readonly answers: readonly PlacedAnswer[];
  /** Bytes of whole lines. What follows is the beginning of a line whose end was never written. */
  readonly end: number;
}

/**
 * @throws RetemperError BAD_INPUT for a line in the middle that is no answer. NodeJS.ErrnoException where the file cannot be
 * read.
 */
export async function readAnswerLines(path: string): Promise<AnswerLines> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new RetemperError("BAD_INPUT", "this is not a regular file", { file: path });
    const answers: PlacedAnswer[] = [];
    let end = 0;
    for await (const line of wholeLines(handle, path)) {
      const offset = end;
      end += line.length;
      const text = line.toString("utf8", 0, line.length - 1);
      if (text.trim() === "") continue;
      const { index, sample, lambda, weights, variant } = parseLine(text, path, answers.length + 1);
      answers.push({ index, sample, lambda, weights, variant, offset, bytes: line.length });
    }
    return { answers, end };
  } finally {
    await handle.close();
  }
}
