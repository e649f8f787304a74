// From a model reference to a folder on this machine: a path as it is, else a snapshot of the hub's local cache.

import { isAbsolute, join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { exists } from "../files/exists.js";
import { type CacheOptions, hubCache } from "../hub/cache.js";
import { offlineIn } from "../hub/settings.js";
import { type HubName, hubName, meansHub, meantInstead } from "./hubName.js";
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
  /** Folders of models that have a name of the caller's ("path", or "path@revision" with an empty one for the default); they come before paths and hub ids of the same name. */
  readonly named?: Readonly<Record<string, string>> | undefined;
}

/** Where a model is, or would be. */
export type Place =
  | { readonly kind: "here"; readonly path: string }
  | {
      readonly kind: "hub";
      readonly name: HubName;
      readonly revision: string;
      /** `models--org--name` in the cache, and the snapshot of the revision; undefined where it is not there. */
      readonly repository: string | undefined;
      readonly snapshot: string | undefined;
    }
  /** A path that does not exist, and could not be another thing. */
  | { readonly kind: "nowhere" };

/**
 * The folder of a model or adapter. An existing path is taken as it is (a revision is then ignored, as in
 * transformers); anything else is a hub id, looked up in the local cache: `models--org--name/refs/<revision>` names the
 * commit, `snapshots/<commit>` is the folder. Nothing is downloaded here: `obtain` does that before.
 * @throws RetemperError BAD_INPUT that says what was looked for and where.
 */
export async function locate(part: LocatedPart, options: LocateOptions = {}): Promise<string> {
  const place = await lookUp(part, options);
  if (place.kind === "here") return place.path;
  if (place.kind === "hub" && place.snapshot !== undefined) {
    return place.name.file === undefined ? place.snapshot : join(place.snapshot, place.name.file);
  }
  throw await missing(part, place, options);
}

/**
 * Looks where a model is. A path that does not exist may have its revision behind an @.
 * @throws RetemperError BAD_INPUT for what is neither a path nor an id; IO
 */
export async function lookUp(part: LocatedPart, options: LocateOptions = {}): Promise<Place> {
  const place = await lookAt(part, options);
  const cut = part.revision === undefined ? part.path.lastIndexOf("@") : -1;
  if (place.kind !== "nowhere" || cut < 0) return place;
  return lookAt({ path: part.path.slice(0, cut), revision: part.path.slice(cut + 1) }, options);
}

async function lookAt(part: LocatedPart, options: LocateOptions): Promise<Place> {
  const { named } = options;
  for (const name of [`${part.path}@${part.revision ?? ""}`, part.path]) {
    if (named && Object.hasOwn(named, name)) return { kind: "here", path: resolve(named[name] as string) };
  }
  if (part.path === "" || part.path.includes("\0")) {
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(part.path)} is not a path or hub id`);
  }
  const local = localPath(part, options);
  if (await isThere(local)) return { kind: "here", path: local };
  const name = hubName(part.path);
  if (!name) return { kind: "nowhere" };
  const revision = part.revision ?? "main";
  const repository = join(hubCache(options), `models--${name.id.replaceAll("/", "--")}`);
  if (!(await isThere(repository))) return { kind: "hub", name, revision, repository: undefined, snapshot: undefined };
  const commit = await commitOf(repository, revision);
  const snapshot = commit === undefined ? undefined : join(repository, "snapshots", commit);
  const there = snapshot !== undefined && (await isThere(join(snapshot, name.file ?? "")));
  return { kind: "hub", name, revision, repository, snapshot: there ? snapshot : undefined };
}

/** Whether what is not in the cache may be asked for on the hub: the cache has its repository, or it is certainly no path. */
export async function isForHub(place: Place, { cwd }: LocateOptions = {}): Promise<boolean> {
  if (place.kind !== "hub") return false;
  return place.repository !== undefined || meansHub(place.name, resolve(cwd ?? "."));
}

function localPath({ path }: LocatedPart, { cwd }: LocateOptions): string {
  return cwd === undefined ? resolve(path) : resolve(cwd, path);
}

/** Why a model cannot be found, and what helps. */
export async function missing(part: LocatedPart, place: Place, options: LocateOptions = {}): Promise<RetemperError> {
  const local = localPath(part, options);
  const error = (why: string, hint: string) =>
    new RetemperError("BAD_INPUT", `The model ${part.path} does not exist: ${why}`, { hint });
  const checkPath = async () => {
    const near = await meantInstead(part.path, local);
    const meant = near === undefined ? "" : ` Is ${near} meant?`;
    const from = isAbsolute(part.path) ? "" : "; it is relative to the working directory";
    return `Check the path${from}.${meant}`;
  };
  if (place.kind !== "hub") return error(`there is no ${local}, and it is not a hub id.`, await checkPath());
  const { name, revision, repository } = place;
  const command = `retemper pull ${part.path}${part.revision ? `@${part.revision}` : ""}`;
  const offline = offlineIn(options.env);
  const download = `Download it first: ${command}${offline ? ` (${offline.undo} for it)` : ""}.`;
  if (repository !== undefined) {
    const what = name.file === undefined ? "no snapshot" : `no ${name.file}`;
    return error(`${repository} holds ${what} of revision ${revision}.`, download);
  }
  const hint = (await isForHub(place, options)) ? download : await checkPath();
  return error(`there is no folder ${local}, and the hub's cache ${hubCache(options)} does not hold it.`, hint);
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
