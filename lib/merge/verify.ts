// `verify`: reads an output again and compares it with the digests that were taken while it was written.

import { readdir, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { Addon } from "../addon/surface.js";
import { ioError } from "../files/ioError.js";
import { isMissing } from "../files/isMissing.js";
import type { MergeProgress } from "./options.js";
import { ProgressReporter } from "./progress.js";
import { RECORD_FILE, readRecord } from "./record.js";
import type { OutputFile, VerifyReport } from "./report.js";

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MergeProgress) => void) | undefined;
}

/**
 * Compares every file of an output with the record in its retemper.json, and looks for files that are missing or were
 * added. A difference is an answer (`ok` is false), not an error.
 * @throws RetemperError BAD_INPUT when the folder has no readable record; IO.
 * @example
 * ```ts
 * import { merge, verify } from "retemper";
 *
 * const recipe = { merge_method: "passthrough", models: [{ model: "models/aligned+models/adapter" }] };
 * const { out } = await merge(recipe, "merged");
 * const { ok, problems } = await verify(out);
 * console.log(ok, problems); // true []
 * ```
 */
export async function verify(out: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  options.signal?.throwIfAborted();
  const folder = resolve(out);
  const listed = await readRecord(folder);
  const addon = loadAddon();
  const progress = new ProgressReporter(options.onProgress);
  const files = await compareFiles(folder, listed, addon, options.signal, progress);
  const names = new Set([...listed.map(({ path }) => path), RECORD_FILE]);
  const added = (await filesBelow(folder)).filter((name) => !names.has(name));
  const all = [...files, ...added.map((path) => ({ path, ok: false, problem: "was added after the merge" }))];
  const problems = all.flatMap(({ path, problem }) => (problem === undefined ? [] : [`${path} ${problem}`]));
  return {
    out: folder,
    ok: problems.length === 0,
    files: all,
    problems,
    bytes: listed.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** One verdict for each listed file, in their order. */
export async function compareFiles(
  folder: string,
  listed: readonly OutputFile[],
  addon: Addon,
  signal: AbortSignal | undefined,
  progress: ProgressReporter,
): Promise<VerifyReport["files"]> {
  const problems = new Map<string, string>();
  for (const { path, bytes } of listed) {
    const problem = await sizeProblem(join(folder, path), bytes);
    if (problem !== undefined) problems.set(path, problem);
  }
  const readable = listed.filter(({ path }) => !problems.has(path));
  progress.start(
    "verify",
    readable.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const paths = readable.map(({ path }) => join(folder, path));
  const digests = await runJob((onProgress) => addon.hashFiles(paths, onProgress), {
    signal,
    onProgress: progress.update,
  });
  readable.forEach(({ path, sha256 }, at) => {
    const header = path.endsWith(".safetensors") ? headerProblem(join(folder, path), addon) : undefined;
    if (digests[at] !== sha256) problems.set(path, `differs: sha256 ${digests[at]}, written ${sha256}`);
    else if (header !== undefined) problems.set(path, header);
  });
  return listed.map(({ path }) => {
    const problem = problems.get(path);
    return { path, ok: problem === undefined, ...(problem !== undefined && { problem }) };
  });
}

async function sizeProblem(path: string, bytes: number): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return "is no regular file";
    return stats.size === bytes ? undefined : `has ${stats.size} bytes, written were ${bytes}`;
  } catch (error) {
    if (isMissing(error)) return "is missing";
    throw ioError(error, path, "cannot read");
  }
}

function headerProblem(path: string, addon: Addon): string | undefined {
  try {
    addon.readHeader(path);
    return undefined;
  } catch (error) {
    return `has a bad header: ${(error as Error).message}`;
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join("/"),
    )
    .sort();
}
