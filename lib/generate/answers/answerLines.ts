// Reads an answers file: which answers it holds, and where their lines lie.

import { type FileHandle, open } from "node:fs/promises";
import { parseLine } from "./answerLine.js";

/** Bytes that are read at a time. */
const BLOCK = 1 << 20;
const NEWLINE = 0x0a;

export interface PlacedAnswer {
  readonly index: number;
  readonly sample: number;
  readonly lambda?: number | undefined;
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
  const handle = await open(path, "r");
  try {
    const answers: PlacedAnswer[] = [];
    let end = 0;
    for await (const line of linesOf(handle)) {
      const offset = end;
      end += line.length;
      const text = line.toString("utf8", 0, line.length - 1);
      if (text.trim() === "") continue;
      const { index, sample, lambda } = parseLine(text, path, answers.length + 1);
      answers.push({ index, sample, lambda, offset, bytes: line.length });
    }
    return { answers, end };
  } finally {
    await handle.close();
  }
}

/** Whole lines with their newlines; a last line without one is left out. */
async function* linesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for (;;) {
    const block = Buffer.allocUnsafe(BLOCK);
    const { bytesRead } = await handle.read(block, 0, BLOCK);
    if (bytesRead === 0) return;
    held = Buffer.concat([held, block.subarray(0, bytesRead)]);
    let start = 0;
    for (let at = held.indexOf(NEWLINE); at >= 0; at = held.indexOf(NEWLINE, start)) {
      yield held.subarray(start, at + 1);
      start = at + 1;
    }
    held = held.subarray(start);
  }
}
