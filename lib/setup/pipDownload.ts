// Downloads a wheel with pip, where there is one: it knows the user's index, proxy, certificates and credentials.

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { lastWords, runTool } from "./runTool.js";
import type { Wheel } from "./wheels.js";

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the wheel that are there. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Milliseconds between two looks at how far pip is. */
const LOOK = 200;

/**
 * Puts the wheel into `folder`, under its own name.
 * @returns undefined when it is there, else why not: no pip, or what pip said
 */
export async function pipDownload(wheel: Wheel, folder: string, options: DownloadOptions): Promise<string | undefined> {
  const args = [
    ...["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"],
    ...["--no-cache-dir", "--no-deps", "--only-binary=:all:", "--retries", "2", "--timeout", "30"],
    // for any Python, on the platform that the wheel is for
    ...["--python-version", "3.11", "--implementation", "cp"],
    ...["--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"],
    ...["--dest", folder, `${wheel.project}==${wheel.version}`],
  ];
  await removeLeftovers(folder);
  const timer = setInterval(async () => options.onBytes?.(Math.min(wheel.bytes, await bytesIn(folder))), LOOK);
  try {
    let why = "there is no Python here";
    for (const python of ["python3", "python"]) {
      // pip writes to a temporary folder first: there, where its progress shows and no second disk is needed
      const result = await runTool(python, args, { env: { TMPDIR: folder }, signal: options.signal });
      if (result.status === 0) return undefined;
      if (result.problem !== "ENOENT") why = lastWords(result);
      if (result.status !== undefined && !/No module named pip/.test(result.stderr)) break;
    }
    return why;
  } finally {
    clearInterval(timer);
  }
}

/** A run of pip that was killed leaves its temporary folders behind. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith("pip-"));
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

/** Bytes of the files in a folder and below; files that vanish meanwhile count nothing. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (entry) => (entry.isFile() ? entry.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
