// Brings models and adapters that are not on this machine into the hub's cache, so that whoever looks for them finds them there.
// What is here is taken as it is: the hub is asked only for what is not.

import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { RetemperError } from "../errors.js";
import { exists } from "../files/exists.js";
import { writeShared } from "../files/writeShared.js";
import { hubCache, repositoryFolder } from "../hub/cache.js";
import { type DownloadProgress, type FetchOptions, fetchFiles, type Order, sizeUp } from "../hub/fetchFiles.js";
import { askRepository, nameOf, type Repository, type RepositoryName } from "../hub/repository.js";
import { type HubOptions, type HubSettings, hubSettings } from "../hub/settings.js";
import { writeRef } from "../hub/snapshot.js";
import type { HubName } from "./hubName.js";
import { INDEX_LIMIT, readJsonObject } from "./json.js";
import { isForHub, type LocatedPart, type LocateOptions, lookUp, missing, type Place } from "./locate.js";
import { indexedFiles, neededFiles } from "./neededFiles.js";

export type { DownloadProgress };

/** How models are downloaded that are not on this machine. */
export interface DownloadOptions extends Omit<HubOptions, "cache" | "signal"> {
  /** Read: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE. Where the cache is says the process's own environment, or an option. */
  readonly env?: HubOptions["env"];
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

export interface ObtainOptions extends Omit<LocateOptions, "env"> {
  readonly signal?: AbortSignal | undefined;
  readonly hub?: DownloadOptions | undefined;
}

/** What is to be had of one repository. */
export interface Wanted {
  readonly name: HubName;
  readonly revision: string;
}

export interface Obtained {
  readonly repository: Repository;
  /** Its snapshot in the cache. */
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Of all these files. */
  readonly bytes: number;
}

/**
 * Downloads those of some models and adapters that are neither folders here nor complete in the cache. What cannot be a name on
 * the hub, or may be a mistyped path, is left to `locate`, which says so; offline, so is everything.
 * @throws RetemperError BAD_INPUT for what the hub does not have, reason "not-found"; NETWORK; NO_SPACE; IO
 */
export async function obtain(parts: Iterable<LocatedPart>, options: ObtainOptions = {}): Promise<void> {
  const wanted = await notHere(parts, options);
  if (wanted.length === 0) return;
  const settings = await settingsOf(options);
  if (settings.offline) return;
  const repositories: { readonly repository: Repository; readonly file: string | undefined }[] = [];
  for (const { part, place } of wanted) {
    const { name, revision } = place;
    try {
      const repository = await askRepository({ kind: "models", id: name.id, revision }, settings, { sizes: true });
      repositories.push({ repository, file: name.file });
    } catch (error) {
      // An incomplete copy is what there is: whoever opens it says what it lacks.
      if (place.snapshot !== undefined && isUnreachable(error)) continue;
      throw await retold(error, part, place, options);
    }
  }
  await download(repositories, settings, { onProgress: options.hub?.onProgress });
}

/** The parts that are neither here nor whole in the cache, and that may be asked for, each once. */
export async function notHere(parts: Iterable<LocatedPart>, { signal, cache, cwd, named }: ObtainOptions) {
  const options = { cache, cwd, named };
  const wanted = new Map<string, { readonly part: LocatedPart; readonly place: Place & { kind: "hub" } }>();
  for (const part of parts) {
    signal?.throwIfAborted();
    const place = await lookUp(part, options);
    if (place.kind !== "hub" || (place.snapshot !== undefined && (await isWhole(place.snapshot, place.name)))) continue;
    if (await isForHub(place, options))
      wanted.set(`${place.name.id}/${place.name.file}@${place.revision}`, { part, place });
  }
  return [...wanted.values()];
}

export function settingsOf({ hub, cache, signal }: ObtainOptions): Promise<HubSettings> {
  return hubSettings({ ...hub, cache: hubCache({ cache }), signal });
}

/**
 * Downloads what models need, says before how much that is, and writes down what their revisions mean once all of it is there.
 * @throws RetemperError NO_SPACE, NETWORK, IO, BAD_INPUT
 */
export async function download(
  wanted: readonly { readonly repository: Repository; readonly file?: string | undefined }[],
  settings: HubSettings,
  options: FetchOptions,
): Promise<readonly (Obtained & { readonly downloaded: number })[]> {
  const orders: Order[] = [];
  for (const { repository, file } of wanted) {
    const { words, weights, indices } = neededFiles(repository, file);
    const folder = snapshotOf(repository, settings);
    const named = [];
    if (indices.length > 0) {
      // They say which files there are: small, and read before anything is said or downloaded.
      await fetchFiles(await sizeUp([{ repository, files: indices }], settings), settings);
      for (const { path } of indices) {
        const { weight_map } = await readJsonObject(join(folder, path), INDEX_LIMIT);
        named.push(...indexedFiles(repository, path, weight_map));
      }
    }
    orders.push({ repository, files: [...words, ...indices, ...weights, ...named] });
  }
  const sizes = await Promise.all(orders.map((order) => sizeUp([order], settings)));
  for (const [at, { bytes, missing: left }] of sizes.entries()) {
    if (left > 0) settings.note(announcement((orders[at] as Order).repository, bytes, left, settings));
  }
  const all = await sizeUp(orders, settings);
  await fetchFiles(all, settings, all.missing > 0 || options.verify ? options : { verify: options.verify });
  const obtained = [];
  for (const [at, { repository, files }] of orders.entries()) {
    await rememberAbsent(repository, settings);
    if (repository.revision !== repository.commit) {
      await writeRef(repositoryFolder(settings.cache, "models", repository.id), repository.revision, repository.commit);
    }
    const { bytes, missing: downloaded } = sizes[at] as (typeof sizes)[number];
    const sized = files.map(({ path, bytes: own = 0 }) => ({ path, bytes: own }));
    obtained.push({ repository, folder: snapshotOf(repository, settings), files: sized, bytes, downloaded });
  }
  return obtained;
}

export function snapshotOf({ kind, id, commit }: Repository, { cache }: HubSettings): string {
  return join(repositoryFolder(cache, kind, id), "snapshots", commit);
}

function announcement(repository: RepositoryName, bytes: number, left: number, { cache }: HubSettings): string {
  const rest = left < bytes ? `, ${size(bytes - left)} of it are there` : "";
  return `${nameOf(repository)} is downloaded into ${cache}: ${size(bytes)}${rest}`;
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

const TOKENIZER = "tokenizer_config.json";

/** Whether a snapshot has all that is opened of it: another program may have taken some files only. */
export async function isWhole(snapshot: string, { file }: HubName): Promise<boolean> {
  if (file !== undefined) return partsAreHere(snapshot, file);
  const names = new Set(await readdir(snapshot).catch(() => []));
  const adapter = names.has("adapter_config.json");
  const shape = adapter ? "adapter_model" : "model";
  if (!(await hasWeights(snapshot, names, shape)) && !(await hasWeights(snapshot, names, "pytorch_model"))) {
    const files = [...names].filter((name) => name.endsWith(".gguf"));
    return files.length > 0 && (await Promise.all(files.map((name) => partsAreHere(snapshot, name)))).every(Boolean);
  }
  if (adapter || names.has("tokenizer.json") || names.has(TOKENIZER)) return true;
  return exists(join(snapshot, "../../.no_exist", basename(snapshot), TOKENIZER));
}

/** Whether a GGUF file is there, with the others that it is split into. */
async function partsAreHere(snapshot: string, file: string): Promise<boolean> {
  const [, stem, count] = /^(.+)-\d{5}-of-(\d{5})\.gguf$/i.exec(file) ?? [];
  const number = (at: number) => String(at + 1).padStart(5, "0");
  const parts =
    stem === undefined
      ? [file]
      : Array.from({ length: Number(count) }, (_, at) => `${stem}-${number(at)}-of-${count}.gguf`);
  for (const part of parts) if (!(await exists(join(snapshot, part)))) return false;
  return true;
}

async function hasWeights(snapshot: string, names: ReadonlySet<string>, stem: string): Promise<boolean> {
  for (const ending of ["safetensors", "bin"]) {
    if (names.has(`${stem}.${ending}`)) return exists(join(snapshot, `${stem}.${ending}`));
    const index = `${stem}.${ending}.index.json`;
    if (!names.has(index)) continue;
    const { weight_map } = await readJsonObject(join(snapshot, index), INDEX_LIMIT).catch(() => ({ weight_map: {} }));
    const shards = new Set(Object.values((weight_map ?? {}) as Record<string, string>));
    for (const shard of shards) if (!names.has(shard) || !(await exists(join(snapshot, shard)))) return false;
    return true;
  }
  return false;
}

/** As huggingface_hub does, so that nobody asks again for a tokenizer that there is not. */
async function rememberAbsent(repository: Repository, { cache }: HubSettings): Promise<void> {
  if (repository.files.some(({ path }) => path === TOKENIZER || path === "tokenizer.json")) return;
  const folder = repositoryFolder(cache, repository.kind, repository.id);
  const mark = join(folder, ".no_exist", repository.commit, TOKENIZER);
  if (!(await exists(mark))) await writeShared(mark, "");
}

function isUnreachable(error: unknown): boolean {
  return error instanceof RetemperError && error.reason === "unreachable";
}

/** What the hub does not have, or could not be asked for, is still a model that is not here. */
export async function retold(
  error: unknown,
  part: LocatedPart,
  place: Place,
  options: LocateOptions,
): Promise<unknown> {
  if (!(error instanceof RetemperError) || (error.reason !== "not-found" && !isUnreachable(error))) return error;
  const here = (await missing(part, place, options)).message;
  if (error.reason !== "not-found") return error.retold(`${here} ${error.message}`);
  return new RetemperError("BAD_INPUT", `${here} ${error.message}`, {
    reason: error.reason,
    hint: `${error.hint ?? ""}; a path is relative to the working directory`.replace(/^; /, ""),
    cause: error,
  });
}
