// Downloads a wheel over HTTP from the indexes that pip would ask, for machines without pip. What a broken connection or a
// killed run has left is continued.

import { open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isFileError } from "../files/ioError.js";
import { packageIndexes } from "./pipConfig.js";
import type { DownloadOptions } from "./pipDownload.js";
import { addressInIndex, INDEX_ACCEPT } from "./simpleIndex.js";
import { type Wheel, wheelFile } from "./wheels.js";

/** Connections in a row that may break without having brought anything. */
const ATTEMPTS = 3;

/**
 * Puts the wheel into `folder`, under its own name.
 * @param indexes addresses of simple indexes, the first that has the file wins
 * @returns undefined when it is there, else why not
 */
export async function fetchWheel(
  wheel: Wheel,
  folder: string,
  options: DownloadOptions,
  indexes: readonly string[] = packageIndexes(),
): Promise<string | undefined> {
  const problems: string[] = [];
  for (const index of indexes) {
    const page = `${index}/${wheel.project}/`;
    try {
      const address = await findAddress(page, wheel, options.signal);
      if (address === undefined) {
        problems.push(`${shown(page)} does not list ${wheelFile(wheel)}`);
        continue;
      }
      await download(address, page, join(folder, wheelFile(wheel)), options);
      return undefined;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isFileError(error)) throw error; // another index would not help
      problems.push(`${shown(page)}: ${reason(error)}`);
    }
  }
  return problems.join("\n") || "pip's configuration names no index that is reached over HTTP";
}

async function findAddress(page: string, wheel: Wheel, signal: AbortSignal | undefined): Promise<string | undefined> {
  const response = await request(page, page, { accept: INDEX_ACCEPT }, signal);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return addressInIndex(
    await response.text(),
    response.headers.get("content-type") ?? "",
    response.url,
    wheelFile(wheel),
  );
}

async function download(address: string, page: string, target: string, options: DownloadOptions): Promise<void> {
  const part = `${target}.part`;
  for (let idle = 0; ; ) {
    const before = await sizeOf(part);
    try {
      await transfer(address, page, part, options);
      await rename(part, target);
      return;
    } catch (error) {
      idle = (await sizeOf(part)) > before ? 0 : idle + 1;
      if (options.signal?.aborted || idle === ATTEMPTS || isFileError(error)) throw error;
    }
  }
}

async function transfer(address: string, page: string, part: string, options: DownloadOptions): Promise<void> {
  const have = await sizeOf(part);
  const response = await request(address, page, have > 0 ? { range: `bytes=${have}-` } : {}, options.signal);
  if (response.status === 416) await rm(part, { force: true }); // more than there is: begin anew
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const continued =
    response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`) === true;
  let bytes = continued ? have : 0;
  const expected = bytes + Number(response.headers.get("content-length") ?? Number.NaN);
  const sink = await open(part, continued ? "a" : "w");
  try {
    for await (const chunk of response.body) {
      await sink.writeFile(chunk);
      bytes += chunk.length;
      options.onBytes?.(bytes);
    }
    await sink.sync();
  } finally {
    await sink.close();
  }
  if (bytes < expected) throw new Error("the connection ended early");
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Credentials in an index's address go into a header, to that server only. */
function request(
  address: string,
  page: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const [url, index] = [new URL(address), new URL(page)];
  const { username, password } = url.username !== "" || url.origin !== index.origin ? url : index;
  url.username = "";
  url.password = "";
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  return fetch(url, {
    headers: { ...headers, ...(username !== "" && { authorization: `Basic ${login}` }) },
    signal: signal ?? null,
  });
}

/** An address as an error may show it. */
function shown(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href;
}

/** `fetch failed` hides what failed in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message || (cause as NodeJS.ErrnoException).code}` : message;
}
