// Sends a piece of a file to the address that the hub signed for it.

import { open } from "node:fs/promises";
import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { changed, type PushFile } from "./files.js";
import { send } from "./send.js";

export interface Piece {
  readonly file: PushFile;
  readonly address: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In bytes. */
  readonly from: number;
  readonly bytes: number;
  /** Called with the bytes that went out since the last call; with less than 0 where they must go out again. */
  readonly onSent: (bytes: number) => void;
}

const BLOCK = 256 * 1024;

/**
 * Sends it, as often as that helps.
 * @returns what the storage calls the piece
 * @throws RetemperError NETWORK, BAD_INPUT for a file that became shorter, IO
 */
export async function putPiece(piece: Piece, settings: HubSettings): Promise<string> {
  const { file, address, headers = {}, from, bytes, onSent } = piece;
  let sent = 0;
  let failure: unknown;
  const again = () => {
    if (sent > 0) onSent(-sent);
    sent = 0;
  };
  const body = () => {
    again();
    const count = (length: number) => {
      sent += length;
      onSent(length);
    };
    const content = piecesOf(file, from, bytes, count, (error) => {
      failure = error;
    });
    return { content, bytes };
  };
  try {
    const request = { method: "PUT", headers, body, signed: true, what: `sending ${file.path}` } as const;
    const { headers: answer } = await send(new URL(address), request, settings);
    return answer.get("etag") ?? "";
  } catch (error) {
    again();
    // A connection that ends because the file could not be read looks like one that broke.
    throw failure ?? error;
  }
}

async function* piecesOf(
  { source }: PushFile,
  from: number,
  bytes: number,
  count: (length: number) => void,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  if (typeof source !== "string") {
    yield source.subarray(from, from + bytes);
    count(bytes);
    return;
  }
  const handle = await open(source);
  try {
    for (let at = 0; at < bytes; ) {
      const block = Buffer.allocUnsafe(Math.min(BLOCK, bytes - at));
      const { bytesRead } = await handle.read(block, 0, block.length, from + at);
      if (bytesRead === 0) throw changed(source);
      yield block.subarray(0, bytesRead);
      count(bytesRead);
      at += bytesRead;
    }
  } catch (error) {
    if (error instanceof RetemperError) onFailure(error);
    throw error;
  } finally {
    await handle.close();
  }
}
