// Brings one wheel to this machine and makes sure that it is the one that was meant.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { RetemperError } from "../errors.js";
import { makeFolder } from "../files/makeFolder.js";
import { fetchWheel } from "./fetchWheel.js";
import { type DownloadOptions, pipDownload } from "./pipDownload.js";
import { type Wheel, wheelFile } from "./wheels.js";

/** How a wheel is brought here: puts it into the folder, or says why it could not. */
export type WheelSource = (wheel: Wheel, folder: string, options: DownloadOptions) => Promise<string | undefined>;

export interface WheelSources {
  /**
   * In the order in which they are tried, by name. Default: pip, then HTTP. For tests.
   * @internal
   */
  readonly sources?: Readonly<Record<string, WheelSource>> | undefined;
}

/**
 * The path of the wheel in `folder`. One that lies there already is used if its digest is right, so a download survives a
 * killed run, and machines without a network can be given the file.
 * @throws RetemperError NETWORK where no source has it, or gives another file of that name
 */
export async function downloadWheel(
  wheel: Wheel,
  folder: string,
  options: DownloadOptions & WheelSources = {},
): Promise<string> {
  const path = join(folder, wheelFile(wheel));
  const incoming = join(folder, "incoming"); // what is in work there never has the place of a finished download
  await makeFolder(incoming);
  if (await isWheel(path, wheel, options.signal)) return path;
  const problems: string[] = [];
  for (const [name, source] of Object.entries(options.sources ?? { pip: pipDownload, HTTP: fetchWheel })) {
    const problem = await source(wheel, incoming, options);
    const arrived = join(incoming, wheelFile(wheel));
    if (problem !== undefined) {
      problems.push(`${name}: ${problem}`);
    } else if (await isWheel(arrived, wheel, options.signal)) {
      await rename(arrived, path);
      await rm(incoming, { recursive: true, force: true });
      return path;
    } else {
      await rm(arrived, { force: true });
      problems.push(`${name}: the file that came is not the one with sha256 ${wheel.sha256}`);
    }
  }
  throw new RetemperError("NETWORK", `${wheelFile(wheel)} could not be downloaded.\n${problems.join("\n")}`, {
    hint:
      "check the connection and pip's configuration (PIP_INDEX_URL for a mirror; pip itself for proxies), " +
      `or put the file into ${folder} by hand, and set up again`,
  });
}

async function isWheel(path: string, wheel: Wheel, signal: AbortSignal | undefined): Promise<boolean> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => -1,
  );
  if (size !== wheel.bytes) return false;
  const hash = createHash("sha256");
  const source = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    await pipeline(source, hash, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
  return hash.digest("hex") === wheel.sha256;
}
