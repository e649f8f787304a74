// Brings one large file to the hub's storage: whole, or in parts, several at a time. What an earlier push left is gone on with.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import type { PushFile } from "./files.js";
import { type LargeFile, LFS, lfsBatch, type Way, type WholeUpload } from "./lfsBatch.js";
import { jsonBody } from "./message.js";
import { placeName } from "./placeName.js";
import { putPiece } from "./putPiece.js";
import { send } from "./send.js";
import type { Slots } from "./slots.js";
import type { PushTarget } from "./target.js";
import { beginJournal, readJournal, type UploadJournal } from "./uploadJournal.js";

export interface UploadContext {
  readonly target: PushTarget;
  readonly settings: HubSettings;
  /** Folder of the journals. */
  readonly journals: string;
  /** Pieces that go out at a time, over all files. */
  readonly slots: Slots;
  /** Bytes that went out; less than 0 where they must go out again. */
  readonly onSent: (bytes: number) => void;
  /** Bytes that need not go out, because an earlier push sent them; less than 0 where they must all the same. */
  readonly onThere: (bytes: number) => void;
}

export type Large = LargeFile & PushFile;

/** Milliseconds for which addresses are taken to be good: signed ones end, and a large push takes longer. */
const FRESH = 10 * 60_000;
/** How often a file is sent from its beginning. */
const ATTEMPTS = 2;

/**
 * @param way what the hub said of the file, `asked` milliseconds since the start of time
 * @returns bytes that were sent
 * @throws RetemperError NETWORK, BAD_INPUT, IO
 */
export async function uploadLarge(file: Large, way: Way, asked: number, context: UploadContext): Promise<number> {
  if (way === "there") return 0;
  const { journals, target, settings } = context;
  const name = journalName(file, context);
  const left = await readJournal(journals, name);
  if (left && fits(left, file)) {
    const sent = await tried(() => inParts(file, left, context), file, context);
    if (sent !== undefined) return sent;
    await left.remove(); // its addresses have ended
  }
  for (let attempt = 1; ; attempt++) {
    const fresh = attempt === 1 && left === undefined && Date.now() - asked < FRESH;
    const now = fresh ? way : ((await lfsBatch([file], target, settings)).get(file.sha256) ?? "there");
    if (now === "there") return 0;
    const journal = "addresses" in now ? await beginJournal(journals, name, now) : undefined;
    const upload = () => (journal ? inParts(file, journal, context) : whole(file, now as WholeUpload, context));
    const sent = attempt === ATTEMPTS ? await upload() : await tried(upload, file, context);
    if (sent !== undefined) return sent;
    await journal?.remove();
  }
}

/** What an earlier push left of a file that the storage has now, in whichever way it came there. */
export async function forgetUpload(
  file: Large,
  context: Pick<UploadContext, "journals" | "target" | "settings">,
): Promise<void> {
  await rm(join(context.journals, journalName(file, context)), { force: true }).catch(() => {});
}

/** Undefined, with a note, where the hub or its storage refuses what another upload may do better. */
async function tried(upload: () => Promise<number>, { path }: Large, { settings }: UploadContext) {
  try {
    return await upload();
  } catch (error) {
    settings.signal?.throwIfAborted();
    // What cannot be reached at all is no better later; what was sent of it waits for the next push.
    if (!(error instanceof RetemperError) || error.code !== "NETWORK" || error.reason === "unreachable") throw error;
    settings.note(`${path} is sent from its beginning: ${error.message}`);
    return undefined;
  }
}

async function whole(file: Large, { address, headers, verify }: WholeUpload, context: UploadContext): Promise<number> {
  let counted = 0;
  const onSent = (bytes: number) => {
    counted += bytes;
    context.onSent(bytes);
  };
  try {
    const piece = { file, address, headers, from: 0, bytes: file.bytes, onSent };
    await context.slots.run(() => putPiece(piece, context.settings));
    await verifyLarge(file, verify, context);
    return file.bytes;
  } catch (error) {
    context.onSent(-counted);
    throw error;
  }
}

async function inParts(file: Large, journal: UploadJournal, context: UploadContext): Promise<number> {
  const { addresses, verify } = journal.upload;
  const there = [...journal.parts.keys()].reduce((sum, part) => sum + partBytes(file, journal, part), 0);
  context.onThere(there);
  let counted = 0;
  const onSent = (bytes: number) => {
    counted += bytes;
    context.onSent(bytes);
  };
  try {
    if (!journal.completed) {
      const missing = addresses.map((_, part) => part).filter((part) => !journal.parts.has(part));
      await together(missing, context, (part) => sendPart(file, journal, part, onSent, context.settings));
      await tellEnd(file, journal, context);
    }
    await verifyLarge(file, verify, context);
  } catch (error) {
    context.onSent(-counted);
    context.onThere(-there);
    throw error;
  }
  await journal.remove();
  return counted;
}

/** All at once, as far as there are slots. Where one fails, no other begins; those that go on end, so that they count. */
async function together(
  parts: readonly number[],
  { settings, slots }: UploadContext,
  work: (part: number) => Promise<void>,
): Promise<void> {
  let failed: { readonly error: unknown } | undefined;
  const ends = parts.map((part) =>
    slots.run(async () => {
      settings.signal?.throwIfAborted();
      if (failed) throw failed.error;
      await work(part).catch((error: unknown) => {
        failed ??= { error };
        throw error;
      });
    }),
  );
  const results = await Promise.allSettled(ends);
  settings.signal?.throwIfAborted();
  const failure = results.find(({ status }) => status === "rejected");
  if (failed) throw failed.error;
  if (failure?.status === "rejected") throw failure.reason;
}

async function sendPart(
  file: Large,
  journal: UploadJournal,
  part: number,
  onSent: (bytes: number) => void,
  settings: HubSettings,
): Promise<void> {
  const address = journal.upload.addresses[part] as string;
  const [from, bytes] = [part * journal.upload.partBytes, partBytes(file, journal, part)];
  const etag = await putPiece({ file, address, from, bytes, onSent }, settings);
  if (etag === "") {
    const { host } = new URL(address);
    throw new RetemperError("NETWORK", `sending ${file.path}: ${host} does not say what it calls part ${part + 1}.`);
  }
  await journal.add(part, etag);
}

function partBytes({ bytes }: Large, { upload }: UploadJournal, part: number): number {
  return Math.min(upload.partBytes, bytes - part * upload.partBytes);
}

/** The storage makes one object of the parts. Where an earlier answer was lost, it knows of no parts and has the object. */
async function tellEnd(file: Large, journal: UploadJournal, context: UploadContext): Promise<void> {
  const { complete, verify, addresses } = journal.upload;
  const parts = addresses.map((_, part) => ({ partNumber: part + 1, etag: journal.parts.get(part) }));
  const { headers, body } = jsonBody(JSON.stringify({ oid: file.sha256, parts }), LFS);
  const request = { method: "POST", headers: { ...headers, accept: LFS }, body, signed: true } as const;
  try {
    await send(new URL(complete), { ...request, what: `sending ${file.path}` }, context.settings);
  } catch (error) {
    context.settings.signal?.throwIfAborted();
    if (verify === undefined) throw error;
    await verifyLarge(file, verify, context).catch(() => {
      throw error;
    });
  }
  await journal.complete();
}

/** The hub looks whether what came is what its name says. @throws RetemperError NETWORK */
async function verifyLarge({ path, sha256, bytes }: Large, verify: string | undefined, { settings }: UploadContext) {
  if (verify === undefined) return;
  const text = JSON.stringify({ oid: sha256, size: bytes });
  const { headers, body } = jsonBody(text, LFS);
  const request = { method: "POST", headers: { ...headers, accept: LFS }, body } as const;
  await send(new URL(verify), { ...request, what: `checking what came of ${path}` }, settings);
}

function fits({ upload }: UploadJournal, { bytes }: Large): boolean {
  return upload.addresses.length === Math.ceil(bytes / upload.partBytes);
}

/** The same for the same file in the same repository, whatever its path. */
function journalName({ sha256 }: Large, { target, settings }: Pick<UploadContext, "target" | "settings">): string {
  return `${placeName(target, settings, sha256)}.jsonl`;
}
