// What was sent of one large file: the addresses of its parts, which the hub signed for this upload alone, and the parts that
// are there. A push that was killed goes on with it; the parts that are there are not sent again.

import { appendFile, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { readTextAtMost } from "../../files/readAtMost.js";

/** An upload in parts, as the hub gave it. */
export interface Upload {
  /** Where the end of it is told. */
  readonly complete: string;
  /** Where it is asked whether the whole is what its name says. */
  readonly verify: string | undefined;
  readonly partBytes: number;
  /** One for each part. */
  readonly addresses: readonly string[];
}

export interface UploadJournal {
  readonly upload: Upload;
  /** What the storage calls each part that it has, by number from 0. */
  readonly parts: ReadonlyMap<number, string>;
  /** Whether the end was told and taken. */
  readonly completed: boolean;
  add(part: number, etag: string): Promise<void>;
  complete(): Promise<void>;
  /** Forgets it: the file is there, or the addresses are good no more. */
  remove(): Promise<void>;
}

/** What an earlier push left; undefined where there is nothing of use. */
export async function readJournal(folder: string, name: string): Promise<UploadJournal | undefined> {
  const file = join(folder, name);
  const text = await readTextAtMost(file, { most: 2 ** 26, what: "a record of an upload" }).catch(() => "");
  // What a kill cut off has no end of line.
  const lines = text.split("\n").slice(0, -1);
  try {
    const [upload, ...events] = lines.map((line) => JSON.parse(line));
    if (!isUpload(upload)) return undefined;
    const parts = new Map<number, string>();
    for (const { part, etag } of events) if (Number.isInteger(part) && typeof etag === "string") parts.set(part, etag);
    return journal(
      file,
      upload,
      parts,
      events.some(({ completed }) => completed === true),
    );
  } catch {
    return undefined;
  }
}

/** @throws RetemperError IO, NO_SPACE */
export async function beginJournal(folder: string, name: string, upload: Upload): Promise<UploadJournal> {
  const file = join(folder, name);
  try {
    await makeFolder(folder);
    // The addresses let whoever has them write these parts: they are the user's alone.
    const handle = await open(file, "w", 0o600);
    await handle.writeFile(`${JSON.stringify(upload)}\n`).finally(() => handle.close());
  } catch (error) {
    throw ioError(error, file, "cannot write");
  }
  return journal(file, upload, new Map(), false);
}

function journal(file: string, upload: Upload, parts: Map<number, string>, completed: boolean): UploadJournal {
  let ended = completed;
  const append = async (event: object) => {
    await appendFile(file, `${JSON.stringify(event)}\n`).catch((error: unknown) => {
      throw ioError(error, file, "cannot write");
    });
  };
  return {
    upload,
    parts,
    get completed() {
      return ended;
    },
    async add(part, etag) {
      parts.set(part, etag);
      await append({ part, etag });
    },
    async complete() {
      ended = true;
      await append({ completed: true });
    },
    remove: () => rm(file, { force: true }),
  };
}

function isUpload(value: unknown): value is Upload {
  const { complete, verify, partBytes, addresses } = (value ?? {}) as Partial<Record<keyof Upload, unknown>>;
  const isText = (one: unknown) => typeof one === "string";
  return (
    isText(complete) &&
    (verify === undefined || isText(verify)) &&
    Number.isSafeInteger(partBytes) &&
    (partBytes as number) > 0 &&
    Array.isArray(addresses) &&
    addresses.every(isText)
  );
}
