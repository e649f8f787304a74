// From a model reference to a folder on this machine: a path as it is, else a snapshot of the hub's local cache.

import { dirname, isAbsolute, join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { exists } from "../files/exists.js";
import { nearbyName } from "../files/nearbyName.js";
import { type CacheOptions, hubCache } from "../hub/cache.js";
import { readText } from "./json.js";
import { fileError } from "./modelFolder.js";

/** One part of a model reference: the model, or its adapter. */
export interface LocatedPart {
  readonly path: string;
  readonly revision?: string | undefined;
}

export { hubCache };

export interface LocateOptions extends CacheOptions {
  /** Relative paths start here; default: the working directory. */
  readonly cwd?: string | undefined;
  /** Folders of models that have a name of the caller's; they come before paths and hub ids of the same name. */
  readonly named?: Readonly<Record<string, string>> | undefined;
}

/**
 * The folder of a model or adapter. An existing path is taken as it is (a revision is then ignored, as in
 * transformers); anything else is a hub id, looked up in the local cache: `models--org--name/refs/<revision>` names the
 * commit, `snapshots/<commit>` is the folder. Nothing is downloaded.
 * @throws RetemperError BAD_INPUT that says what was looked for and where.
 */
export async function locate(part: LocatedPart, options: LocateOptions = {}): Promise<string> {
  const { named } = options;
  if (named && Object.hasOwn(named, part.path)) return resolve(named[part.path] as string);
  const local = options.cwd === undefined ? resolve(part.path) : resolve(options.cwd, part.path);
  if (part.path === "" || part.path.includes("\0")) {
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(part.path)} is not a path or hub id`);
  }
  if (await isThere(local)) return local;

  const cache = hubCache(options);
  const revision = part.revision ?? "main";
  const missing = (why: string, hint: string) =>
    new RetemperError("BAD_INPUT", `The model ${part.path} does not exist: ${why}`, { hint });
  const checkPath = async () => {
    const near = await nearbyName(local);
    const meant = near === undefined ? "" : ` Is ${join(dirname(part.path), near)} meant?`;
    const from = isAbsolute(part.path) ? "" : "; it is relative to the working directory";
    return `Check the path${from}.${meant}`;
  };
  if (!isHubId(part.path)) throw missing(`there is no ${local}, and it is not a hub id.`, await checkPath());
  const repository = join(cache, `models--${part.path.replaceAll("/", "--")}`);
  const download = `Download it first: hf download ${part.path}${part.revision ? ` --revision ${part.revision}` : ""}`;
  if (!(await isThere(repository))) {
    const hint = (await isHubName(part.path, local)) ? `${download}.` : await checkPath();
    throw missing(`there is no folder ${local}, and the hub's cache ${cache} does not hold it.`, hint);
  }
  const commit = await commitOf(repository, revision);
  const snapshot = commit === undefined ? undefined : join(repository, "snapshots", commit);
  if (snapshot === undefined || !(await isThere(snapshot))) {
    throw missing(`${repository} holds no snapshot of revision ${revision}.`, `${download}.`);
  }
  return snapshot;
}

function isHubId(path: string): boolean {
  return (
    path.length <= 200 && /^[A-Za-z0-9_][\w.-]*(\/[\w.-]+)?$/.test(path) && !path.includes("..") && !path.includes("--")
  );
}

/** Whether something is certainly a name of the hub's: of two parts, the first no folder here, the second with no file's ending. */
async function isHubName(path: string, local: string): Promise<boolean> {
  const isPath = /\.(ya?ml|json|jsonl|safetensors|gguf|bin|pt|pth)$/i.test(path);
  return path.includes("/") && !isPath && !(await isThere(dirname(local)));
}

/** The commit that a branch, tag or commit names in this repository of the cache. */
async function commitOf(repository: string, revision: string): Promise<string | undefined> {
  // refs may have slashes ("refs/pr/1"); they may not leave the folder
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split("/").some((part) => /^\.+$/.test(part)))
    return undefined;
  const ref = join(repository, "refs", revision);
  if (await isThere(ref)) {
    const commit = (await readText(ref, 4096)).trim();
    return isName(commit) ? commit : undefined;
  }
  return isName(revision) ? revision : undefined;
}

function isName(text: string): boolean {
  return /^\w[\w.-]*$/.test(text);
}

async function isThere(path: string): Promise<boolean> {
  return exists(path).catch((error) => {
    throw fileError(error, path);
  });
}
