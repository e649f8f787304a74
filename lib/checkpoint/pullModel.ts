// Brings the newest state of a model on the hub into the cache, whatever is here already; of an adapter also the model under it.

import { RetemperError } from "../errors.js";
import { repositoryFolder } from "../hub/cache.js";
import { askRepository, nameOf, type Repository } from "../hub/repository.js";
import type { HubSettings } from "../hub/settings.js";
import { cachedCommit } from "../hub/snapshot.js";
import { type HubName, hubName } from "./hubName.js";
import { readJsonObject } from "./json.js";
import { type LocatedPart, lookUp } from "./locate.js";
import { fileOf, openFolder, optionalFileOf } from "./modelFolder.js";
import { download, isWhole, type Obtained, type ObtainOptions, settingsOf, snapshotOf } from "./obtain.js";

export interface PulledModel extends Obtained {
  /** Bytes that were not in the cache. */
  readonly downloaded: number;
}

export interface PullModelOptions extends ObtainOptions {
  /** Read copies in the cache again, and replace what does not have its digest. */
  readonly verify?: boolean | undefined;
  /** Of an adapter also the model that its configuration names; true by default. */
  readonly base?: boolean | undefined;
}

/**
 * @returns the model, or the adapter and then its base
 * @throws RetemperError USAGE for what has not the form of a name; NETWORK, BAD_INPUT, NO_SPACE, IO
 */
export async function pullModel(part: LocatedPart, options: PullModelOptions = {}): Promise<PulledModel[]> {
  const name = hubName(part.path);
  if (!name) {
    throw new RetemperError("USAGE", `${JSON.stringify(part.path)} is not a name on the hub`, {
      hint: "write org/name, org/name@revision, or org/name/file.gguf",
    });
  }
  const settings = await settingsOf(options);
  const pulled = await pullOne(name, part.revision ?? "main", settings, options);
  if (options.base === false) return [pulled];
  const base = await baseOf(pulled.folder);
  if (base === undefined) return [pulled];
  const named = await baseOnHub(base, options);
  if (!named) {
    settings.note(`the adapter's base ${base} is not a name on the hub: it is left out`);
    return [pulled];
  }
  return [pulled, await pullOne(named, "main", settings, options)];
}

async function pullOne(
  name: HubName,
  revision: string,
  settings: HubSettings,
  { hub, verify }: PullModelOptions,
): Promise<PulledModel> {
  const asked = { kind: "models" as const, id: name.id, revision };
  let repository: Repository;
  try {
    if (settings.offline) throw offline(nameOf(asked), settings);
    repository = await askRepository(asked, settings, { sizes: true });
  } catch (error) {
    const here =
      error instanceof RetemperError && error.reason === "unreachable" && (await inCache(asked, name, settings));
    if (!here) throw error;
    settings.note(
      `${settings.offline ? settings.offlineBy.what : `${settings.endpoint.host} cannot be reached`}: using commit ${here.repository.commit} from the cache`,
    );
    return here;
  }
  const [pulled] = await download([{ repository, file: name.file }], settings, { onProgress: hub?.onProgress, verify });
  return pulled as PulledModel;
}

function offline(what: string, { cache, offlineBy }: HubSettings): RetemperError {
  return new RetemperError("NETWORK", `${what} is not in the cache ${cache}, and ${offlineBy.what}.`, {
    reason: "unreachable",
    hint: `${offlineBy.undo} once to download it`,
  });
}

/** What the cache has of it, where that is whole. */
async function inCache(
  { kind, id, revision }: Omit<Repository, "commit" | "files">,
  name: HubName,
  settings: HubSettings,
): Promise<PulledModel | undefined> {
  const commit = await cachedCommit(repositoryFolder(settings.cache, kind, id), revision);
  if (commit === undefined) return undefined;
  const repository: Repository = { kind, id, revision, commit, files: [] };
  const folder = snapshotOf(repository, settings);
  if (!(await isWhole(folder, name))) return undefined;
  return { repository, folder, files: [], bytes: 0, downloaded: 0 };
}

/** What an adapter was trained on, by its configuration; undefined for a model. */
async function baseOf(folder: string): Promise<string | undefined> {
  const opened = await openFolder(folder);
  if ((await optionalFileOf(opened, "adapter_config.json")) === undefined) return undefined;
  for (const own of ["model.safetensors", "model.safetensors.index.json"]) {
    if ((await optionalFileOf(opened, own)) !== undefined) return undefined;
  }
  const { base_model_name_or_path: base } = await readJsonObject(await fileOf(opened, "adapter_config.json"));
  return typeof base === "string" && base !== "" ? base.slice(0, 500) : undefined;
}

/** A path on the machine that trained it is no name; nor is one that is a folder here. */
async function baseOnHub(base: string, { cache, cwd, named }: PullModelOptions): Promise<HubName | undefined> {
  const place = await lookUp({ path: base }, { cache, cwd, named });
  return place.kind === "hub" && place.name.id.includes("/") ? place.name : undefined;
}
