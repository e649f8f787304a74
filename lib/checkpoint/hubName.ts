// Whether a model's path has the form of a name on the hub, and whether it is meant as one: what is a path with a typing error
// must not be asked for anywhere else.

import { dirname, join, resolve } from "node:path";
import { exists } from "../files/exists.js";
import { nearbyName } from "../files/nearbyName.js";
import { isRepositoryName } from "../hub/repositoryName.js";

export { isRepositoryName };

export interface HubName {
  /** "org/name", or "name" alone for the oldest models. */
  readonly id: string;
  /** One file of it, where it holds a model in several forms: "model-q4_k_m.gguf". */
  readonly file?: string | undefined;
}

/** First parts of paths that no organisation has as its name here. */
const FOLDERS =
  /^(adapters?|checkpoints?|data|demo|examples|home|loras?|merged|models?|outputs?|out|results?|runs?|test|tmp|weights|work)$/i;
const FILES = /\.(ya?ml|json|jsonl|safetensors|gguf|bin|pt|pth)$/i;

/** Whether a path begins with a usual name of a folder: "models/aligned" has the form of a hub's name, and is none. */
export function isUsualFolder(path: string): boolean {
  return FOLDERS.test(path.split("/", 1)[0] ?? "");
}

/** The parts of what has the form of a name on the hub; undefined for all other paths. */
export function hubName(path: string): HubName | undefined {
  const [, repository, file] = /^([^/]+\/[^/]+)\/(.+\.gguf)$/i.exec(path) ?? [];
  const id = repository ?? path;
  if (!isRepositoryName(id, { alone: true })) return undefined;
  if (file === undefined) return { id };
  return file.split("/").every((part) => /^[\w.+ -]+$/.test(part) && !/^\.+$/.test(part)) ? { id, file } : undefined;
}

/**
 * Whether a name of the hub is certainly meant: it has two parts, the first is no folder here and no usual name of one, the second
 * has no file's ending, and nothing here is spelled nearly like it.
 * @param start the folder that paths are relative to
 */
export async function meansHub({ id }: HubName, start: string): Promise<boolean> {
  if (!id.includes("/")) return false;
  const [first = "", second = ""] = id.split("/");
  if (isUsualFolder(first) || FILES.test(second)) return false;
  if (await exists(join(start, first))) return false;
  return (await nearbyPath(start, first, second)) === undefined;
}

/** A path of two parts that exists and that somebody may have meant. */
async function nearbyPath(start: string, first: string, second: string): Promise<string | undefined> {
  const folder = await nearbyName(join(start, first));
  if (folder === undefined) return undefined;
  const inside = await nearbyName(join(start, folder, second));
  return inside === undefined ? undefined : join(folder, inside);
}

/** What a path may have meant, as the user would write it; undefined where nothing is like it. */
export async function meantInstead(path: string, local: string): Promise<string | undefined> {
  const near = await nearbyName(local);
  if (near !== undefined) return join(dirname(path), near);
  const parts = path.split("/");
  const [first = "", second = ""] = parts;
  return parts.length === 2 ? nearbyPath(resolve(local, "../.."), first, second) : undefined;
}
