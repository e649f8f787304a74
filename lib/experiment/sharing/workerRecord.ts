// What a worker says of itself in the shared folder: OUT/.workers/<id>, a line of JSON that stays as it is, and a line with its
// heartbeat, which counts up while it lives. A claim of a step is a second name of the same file, or a copy.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type SharingProcess, thisSharingProcess } from "./processId.js";

/** In the folder of results: the workers that are there. */
export const WORKERS_FOLDER = ".workers";

export interface WorkerRecord extends SharingProcess {
  readonly id: string;
  /** Of the experiment's settings: those who share a folder work on one experiment. */
  readonly experiment: string;
  /** Which share it tries first, "0/4". */
  readonly partition: string;
}

/** A record as it was read. */
export interface FoundRecord {
  /** The first line: of each worker another. */
  readonly head: string;
  readonly beat: string;
  /** Undefined where the file is not whole (yet). */
  readonly record: WorkerRecord | undefined;
}

const BEAT_DIGITS = 12;

export function newRecord(experiment: string, partition: string): WorkerRecord {
  const own = thisSharingProcess();
  const host = own.host.replace(/[^\w-]+/g, "-").slice(0, 60);
  const id = `${host}-${own.pid}-${randomBytes(6).toString("hex")}`;
  return { id, ...own, experiment, partition };
}

/** Of the same length for every beat: it is written over the one before. */
export function textOfRecord(record: WorkerRecord, beat: number): { readonly head: string; readonly tail: string } {
  return { head: JSON.stringify(record), tail: `\n${String(beat).padStart(BEAT_DIGITS, "0")}\n` };
}

/** @returns undefined where there is no such file */
export async function readRecord(path: string): Promise<FoundRecord | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8"); // opened anew each time: a client of NFS asks the server then
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
  const [head = "", beat = ""] = text.split("\n");
  return { head, beat, record: recordIn(head) };
}

/** ESTALE: removed on the server a moment ago. */
const GONE: ReadonlySet<string | undefined> = new Set(["ENOENT", "ESTALE"]);

function recordIn(head: string): WorkerRecord | undefined {
  try {
    const value = JSON.parse(head) as WorkerRecord | null;
    return typeof value?.id === "string" && Number.isInteger(value.pid) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function recordPath(out: string, id: string): string {
  return join(out, WORKERS_FOLDER, id);
}
