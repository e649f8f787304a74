// Puts an adapter's tensors into their file, one at a time.

import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { ioError } from "../../files/ioError.js";
import type { OutputTensor, Shard } from "../../plan/shards.js";

/** A tensor that is made and lies somewhere. */
export interface KeptTensor extends OutputTensor {
  /** Float32 values, or bytes as they are. */
  readonly read: () => Promise<Float32Array | AsyncIterable<Uint8Array>>;
}

export interface Assembled {
  readonly sha256: string;
  /** NaN and infinite values of each float32 tensor, in the order of the tensors; 0 of others. */
  readonly nonFinite: readonly number[];
}

/** Writes the file and syncs it. @throws RetemperError IO, NO_SPACE */
export async function assemble(
  path: string,
  { header, placed }: Shard,
  tensors: readonly KeptTensor[],
  signal: AbortSignal | undefined,
): Promise<Assembled> {
  const digest = createHash("sha256");
  const nonFinite = new Array<number>(tensors.length).fill(0);
  try {
    const file = await open(path, "wx");
    const put = async (bytes: Uint8Array) => {
      digest.update(bytes);
      await file.appendFile(bytes);
    };
    try {
      await put(header);
      for (const { tensor } of placed) {
        signal?.throwIfAborted();
        const content = await (tensors[tensor] as KeptTensor).read();
        if (content instanceof Float32Array) {
          nonFinite[tensor] = content.reduce((count, value) => count + Number(!Number.isFinite(value)), 0);
          await put(new Uint8Array(content.buffer, content.byteOffset, content.byteLength));
        } else for await (const piece of content) await put(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw ioError(error, path, "cannot write");
  }
  return { sha256: digest.digest("hex"), nonFinite };
}
