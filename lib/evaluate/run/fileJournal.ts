// The journal of an evaluation's folder: every answer and every score, appended to a file as it comes. A run that was killed at
// any instant goes on from here; a line that was cut off is dropped, and what it held is asked again.

import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, openSync, writeSync } from "node:fs";
import { type FileHandle, open, rm, stat, truncate } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import { exists } from "../../files/exists.js";
import { ioError, isSystemError } from "../../files/ioError.js";
import { wholeLines } from "../../files/readLines.js";
import { requireInPlace } from "../../files/requireInPlace.js";
import type { OutputLock } from "../../output/lockAttempt.js";
import { lockInside } from "../../output/lockInside.js";
import type { Answer, Item, Scorer, Task } from "../types.js";
import type { Journal, StoredScore } from "./journal.js";

export const JOURNAL_FILE = "journal.ndjson";
export const RESULTS_FILE = "results.json";
const FORMAT = "retemper-evaluation-journal/1";

type Line =
  | { readonly format: string }
  | { readonly part: string; readonly digest: string }
  | { readonly answer: readonly [task: string, item: string, sample: number]; readonly is: Answer }
  | {
      readonly score: readonly [scorer: string, task: string, item: string, sample: number];
      readonly is: StoredScore;
    };

/** In memory where there is no folder. */
export class FileJournal implements Journal {
  readonly #answers = new Map<string, Answer>();
  readonly #scores = new Map<string, StoredScore>();
  readonly #digests = new Map<string, string>();
  #file: number | undefined;
  #path = JOURNAL_FILE;
  #lock: OutputLock | undefined;
  /** What an earlier run had left here. */
  readonly resumed: { answers: number; scores: number } = { answers: 0, scores: 0 };

  /**
   * Opens or makes the journal of a folder; with `force`, an old run there is forgotten.
   * @throws RetemperError OUTPUT_EXISTS while another run writes there, or where results lie that have no journal; IO
   */
  static async open(out: string | undefined, force = false): Promise<FileJournal> {
    const journal = new FileJournal();
    if (out === undefined) return journal;
    const folder = resolve(out);
    journal.#lock = await lockInside(folder).catch((error) => {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (code !== "EEXIST" && code !== "ENOTDIR") throw error;
      const hint = "choose another folder";
      throw new RetemperError("OUTPUT_EXISTS", "this is no folder", { file: folder, hint, cause: error });
    });
    try {
      await journal.#load(folder, force);
      return journal;
    } catch (error) {
      journal.close();
      throw isSystemError(error) ? ioError(error, folder, "cannot write") : error;
    }
  }

  async #load(folder: string, force: boolean): Promise<void> {
    const path = join(folder, JOURNAL_FILE);
    if (force) await Promise.all([JOURNAL_FILE, RESULTS_FILE].map((name) => rm(join(folder, name), { force: true })));
    const bytes = await this.#read(path);
    if (bytes === undefined && (await exists(join(folder, RESULTS_FILE)))) {
      throw new RetemperError("OUTPUT_EXISTS", "results lie here whose journal is gone", {
        file: folder,
        hint: "choose another folder, or --force to replace them",
      });
    }
    this.resumed.answers = this.#answers.size;
    this.resumed.scores = this.#scores.size;
    try {
      // the beginning of a line that was never ended
      if (bytes !== undefined && (await stat(path)).size > bytes) await truncate(path, bytes);
      this.#file = openSync(path, "a");
    } catch (error) {
      throw ioError(error, path, "cannot write");
    }
    this.#path = path;
    if (!bytes) this.#append({ format: FORMAT });
  }

  /** Takes what the file holds. @returns bytes of its whole lines; undefined where there is no file */
  async #read(path: string): Promise<number | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw ioError(error, path, "cannot read");
    }
    try {
      if (!(await handle.stat()).isFile())
        throw new RetemperError("BAD_INPUT", "this is not a regular file", { file: path });
      let bytes = 0;
      let number = 0;
      for await (const line of wholeLines(handle, path)) {
        number += 1;
        bytes += line.length;
        this.#take(parse(line.toString("utf8", 0, line.length - 1), path, number), path, number);
      }
      return bytes;
    } catch (error) {
      throw ioError(error, path, "cannot read");
    } finally {
      await handle.close();
    }
  }

  #take(line: Line, path: string, number: number): void {
    if (number === 1 && (!("format" in line) || line.format !== FORMAT)) {
      throw new RetemperError("OUTPUT_EXISTS", "this is not the journal of an evaluation", {
        file: path,
        hint: "choose another folder, or --force to replace it",
      });
    }
    if ("part" in line) this.#digests.set(line.part, line.digest);
    else if ("answer" in line) this.#answers.set(line.answer.join("\0"), line.is);
    else if ("score" in line) this.#scores.set(line.score.join("\0"), line.is);
  }

  /**
   * Says what a part of the run is (a task with its prompts and settings, a judge with its model). What the journal holds
   * of it counts only if that is the same.
   * @throws RetemperError OUTPUT_EXISTS where the journal knows it as something else
   */
  declare(part: string, what: unknown): void {
    const digest = createHash("sha256").update(JSON.stringify(what)).digest("hex");
    const known = this.#digests.get(part);
    if (known === digest) return;
    if (known !== undefined) {
      throw new RetemperError("OUTPUT_EXISTS", `the run that lies here had another ${part}: model, data or settings`, {
        hint: "choose another --out, or --force to begin anew",
      });
    }
    this.#digests.set(part, digest);
    this.#append({ part, digest });
  }

  answer({ name }: Task, { id }: Item, sample: number): Answer | undefined {
    return this.#answers.get([name, id, sample].join("\0"));
  }

  addAnswer({ name }: Task, { id }: Item, sample: number, is: Answer): boolean {
    const key = [name, id, sample].join("\0");
    if (this.#answers.has(key)) return false;
    this.#append({ answer: [name, id, sample], is });
    this.#answers.set(key, is);
    return true;
  }

  score(scorer: Scorer, { name }: Task, { id }: Item, sample: number): StoredScore | undefined {
    return this.#scores.get([scorer.name, name, id, sample].join("\0"));
  }

  addScore(scorer: Scorer, { name }: Task, { id }: Item, sample: number, is: StoredScore): boolean {
    const key = [scorer.name, name, id, sample].join("\0");
    if (this.#scores.has(key)) return false;
    this.#append({ score: [scorer.name, name, id, sample], is });
    this.#scores.set(key, is);
    return true;
  }

  /** Makes everything so far outlast a power failure. @throws RetemperError IO, also where the journal was removed */
  sync(): void {
    if (this.#file === undefined) return;
    try {
      fsyncSync(this.#file);
      requireInPlace(this.#path, fstatSync(this.#file));
    } catch (error) {
      throw ioError(error, this.#path, "cannot write");
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }

  #append(line: Line): void {
    if (this.#file === undefined) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      throw ioError(error, this.#path, "cannot write", "the same command goes on after what is written here");
    }
  }
}

function parse(text: string, file: string, line: number): Line {
  try {
    return JSON.parse(text) as Line;
  } catch (error) {
    throw new RetemperError("BAD_INPUT", "this journal is damaged", {
      file,
      line,
      hint: "--force begins anew; or cut it off before this line by hand, and what follows is asked again",
      cause: error,
    });
  }
}
