// All large files of a push that the hub's storage lacks, several at a time.

import type { ByteCounter } from "./byteCounter.js";
import { lfsBatch } from "./lfsBatch.js";
import { Slots } from "./slots.js";
import { forgetUpload, type Large, type UploadContext, uploadLarge } from "./uploadLarge.js";

/** Pieces that go out at a time. */
const PIECES = 6;

/**
 * Where one fails, the others end, and what they sent waits for the next push.
 * @returns bytes that went out, by sha256
 * @throws RetemperError NETWORK, BAD_INPUT, IO; the signal's reason
 */
export async function uploadAll(
  files: readonly Large[],
  where: Pick<UploadContext, "target" | "settings" | "journals">,
  progress: ByteCounter,
): Promise<ReadonlyMap<string, number>> {
  const sent = new Map<string, number>();
  if (files.length === 0) return sent;
  const asked = Date.now();
  const ways = await lfsBatch(files, where.target, where.settings);
  for (const file of files) if (ways.get(file.sha256) === "there") await forgetUpload(file, where);
  // The same bytes under two names go out once.
  const missing = [...new Map(files.map((file) => [file.sha256, file])).values()].filter(
    ({ sha256 }) => ways.get(sha256) !== "there",
  );
  progress.begin(
    "send",
    missing.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const context: UploadContext = {
    ...where,
    slots: new Slots(PIECES),
    onSent: progress.moved,
    onThere: progress.skipped,
  };
  const opened = new Slots(PIECES);
  const ends = missing.map((file) =>
    opened.run(async () => {
      try {
        sent.set(file.sha256, await uploadLarge(file, ways.get(file.sha256) ?? "there", asked, context));
      } catch (error) {
        context.slots.stop(error);
        opened.stop(error);
        throw error;
      }
    }),
  );
  const results = await Promise.allSettled(ends);
  where.settings.signal?.throwIfAborted();
  const failure = results.find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
  return sent;
}
