// Which steps are done: a record of each, in a folder named by its kind and key. A record is made once, whole, by one process.

import { randomBytes } from "node:crypto";
import { link, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { lookAnew } from "../../files/lookAnew.js";
import { makeFolder } from "../../files/makeFolder.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { syncFolder } from "../../files/syncFolder.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { Step, StepRecord } from "./step.js";

export const RECORD = "step.json";
export const RECORD_LIMIT = { most: 2 ** 28, what: "a step's record" };

export class StepRecords {
  readonly #folder: string;

  readonly #shared: boolean;

  /**
   * @param out the run's folder
   * @param shared whether processes of other machines may be recording there
   */
  constructor(out: string, shared = false) {
    this.#shared = shared;
    this.#folder = join(out, "steps");
  }

  /** What a step keeps to itself. */
  folderOf({ kind, key }: Pick<Step, "kind" | "key">): string {
    return join(this.#folder, `${kind}-${key.slice(0, 16)}`);
  }

  async makeFolderOf(step: Step): Promise<string> {
    const folder = this.folderOf(step);
    await makeFolder(folder);
    return folder;
  }

  async find(step: Step): Promise<StepRecord | undefined> {
    const folder = this.folderOf(step);
    const file = join(folder, RECORD);
    let record = await read(file);
    if (!record && this.#shared) {
      await lookAnew(folder);
      record = await read(file);
    }
    // a process that was killed just after it had recorded the step left the record under another name too
    if (record && ((await stat(file).catch(() => undefined))?.nlink ?? 1) > 1) await clearStaged(folder);
    return record;
  }

  /**
   * @returns false where another process had made the record: its is kept
   * @throws RetemperError IO, NO_SPACE
   */
  async add(step: Step, record: StepRecord): Promise<boolean> {
    const folder = await this.makeFolderOf(step);
    const whole = join(folder, `.${RECORD}.${randomBytes(6).toString("hex")}`);
    await writeWhole(whole, `${JSON.stringify(record, null, 1)}\n`);
    try {
      await link(whole, join(folder, RECORD));
      await syncFolder(folder);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOENT: whoever took the step over has cleared what this process had begun
      if (code === "EEXIST" || code === "ENOENT") return false;
      throw ioError(error, join(folder, RECORD), "cannot write");
    } finally {
      await rm(whole, { force: true }).catch(() => undefined);
    }
  }

  /** The record of a step whose output is gone. */
  async forget(step: Step): Promise<void> {
    const file = join(this.folderOf(step), RECORD);
    await rm(file, { force: true }).catch((error) => {
      throw ioError(error, file, "cannot remove");
    });
  }

  /** What a killed process had begun to record of a step, by the one that does it now. */
  async clear(step: Step): Promise<void> {
    await clearStaged(this.folderOf(step));
  }

  /** All that was ever done in this folder, in the order of its names. */
  async all(): Promise<StepRecord[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw ioError(error, this.#folder, "cannot read");
    });
    const found = await Promise.all(names.sort().map((name) => read(join(this.#folder, name, RECORD))));
    return found.filter((one) => one !== undefined);
  }
}

async function clearStaged(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const staged = names.filter((name) => name.startsWith(`.${RECORD}.`));
  await Promise.all(staged.map((name) => rm(join(folder, name), { force: true }).catch(() => undefined)));
}

async function read(file: string): Promise<StepRecord | undefined> {
  let text: string;
  try {
    text = await readTextAtMost(file, RECORD_LIMIT);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as StepRecord;
  } catch (error) {
    throw new RetemperError("BAD_INPUT", (error as Error).message, {
      file,
      hint: "remove the folder of this step to do it again",
      cause: error,
    });
  }
}
