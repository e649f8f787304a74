// Brings TensorFlow's library into the cache: downloads the wheels, unpacks what is needed, and gives the folder its name.

import { existsSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../files/makeFolder.js";
import { TENSORFLOW_VERSION } from "../nn/engines/tensorflow/libraryFolders.js";
import { requireSpace } from "../output/requireSpace.js";
import { downloadWheel, type WheelSources } from "./downloadWheel.js";
import type { SetupReporter } from "./setupReporter.js";
import { unpackWheel } from "./unpackWheel.js";
import { type Wheel, wheelFile } from "./wheels.js";

export interface LibraryOptions extends WheelSources {
  /** Of the cache; downloads lie there meanwhile. */
  readonly root: string;
  /** To make, in the cache. */
  readonly folder: string;
  readonly wheels: readonly Wheel[];
  readonly reporter: SetupReporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the folder: it gets its name when everything is in it. Of a run that was killed, the wheels that it had unpacked and
 * the download that it had finished are used. Runs under the setup's lock.
 * @throws RetemperError NETWORK, NO_SPACE, BAD_INPUT
 */
export async function bringLibrary(options: LibraryOptions): Promise<void> {
  const { root, folder, wheels, reporter, signal } = options;
  const partial = `${folder}.partial`;
  const downloads = join(root, "downloads");
  const marks = join(partial, "unpacked"); // which wheels a run that was killed had finished
  await makeFolder(marks);
  const left = wheels.filter((wheel) => !existsSync(join(marks, wheel.sha256)));
  await requireSpaceFor(left, root);
  for (const wheel of left) {
    reporter.start(`download ${wheel.project}`, wheel.bytes);
    const archive = await downloadWheel(wheel, downloads, { ...options, onBytes: reporter.done });
    reporter.start(`unpack ${wheel.project}`, wheel.unpacked);
    await unpackWheel(archive, wheel, partial, { signal, onBytes: reporter.add });
    await writeFile(join(marks, wheel.sha256), "");
    await rm(archive, { force: true }); // the disk may not hold all of them
  }
  const record = {
    tensorflow: TENSORFLOW_VERSION,
    bytes: wheels.reduce((sum, wheel) => sum + wheel.unpacked, 0),
    wheels: wheels.map((wheel) => ({ file: wheelFile(wheel), sha256: wheel.sha256 })),
  };
  await writeFile(join(partial, "contents.json"), `${JSON.stringify(record, null, 2)}\n`);
  await rename(partial, folder);
  await rm(join(folder, "unpacked"), { recursive: true });
  for (const wheel of wheels) await rm(join(downloads, wheelFile(wheel)), { force: true });
}

/** One wheel at a time lies beside what has been unpacked. */
async function requireSpaceFor(wheels: readonly Wheel[], root: string): Promise<void> {
  const unpacked = wheels.reduce((sum, wheel) => sum + wheel.unpacked, 0);
  const needed = unpacked + Math.max(0, ...wheels.map((wheel) => wheel.bytes));
  const hint = "free some space, or name a folder on another disk in RETEMPER_CACHE";
  await requireSpace({ file: root, needed, what: "setting TensorFlow up", hint });
}
