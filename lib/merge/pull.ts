// `pull`: downloads a model or an adapter from the hub.

import type { DownloadOptions } from "../checkpoint/obtain.js";
import { pullModel } from "../checkpoint/pullModel.js";
import { RetemperError } from "../errors.js";
import { ModelReferenceError, parseLocation } from "../recipe/modelReference.js";

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  /** Folder of the cache; default HF_HUB_CACHE, else HF_HOME/hub. */
  readonly transformersCache?: string | undefined;
  /** Read what the cache has already, and download again what does not have its digest. */
  readonly verify?: boolean | undefined;
  /** Of an adapter also the model that its configuration names; true by default. */
  readonly base?: boolean | undefined;
  /** The hub's address, token and the like, and what is called on the way. By default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
}

export interface PulledRepository {
  /** Its name on the hub. */
  readonly model: string;
  readonly revision: string;
  readonly commit: string;
  /** The snapshot in the cache: a model's folder. */
  readonly folder: string;
  /** Empty where the hub could not be asked and the cache stood in. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Of all these files. */
  readonly bytes: number;
  /** Bytes of them that were not in the cache. */
  readonly downloaded: number;
}

export interface PullReport extends PulledRepository {
  /** The model under an adapter. */
  readonly base?: PulledRepository | undefined;
  readonly seconds: number;
}

/**
 * Downloads a model or an adapter into the cache that huggingface_hub shares: its weights in one form (safetensors where there are
 * any), configuration, tokenizer, templates, licence and card; of an adapter also the model under it. What is there already is not
 * downloaded again, and what a broken download left is gone on with. Each file is checked against its digest before it gets its
 * name. All other functions do the same by themselves for models that are not here.
 *
 * @param name `org/name`, `org/name@revision`, or `org/name/file.gguf` where a repository has several
 * @throws RetemperError NETWORK with a reason ("gated", "not-found", "token", "unreachable"); NO_SPACE before anything is
 * downloaded; BAD_INPUT for a repository that holds no model; USAGE for what is no name. `options.signal.reason` when aborted.
 * @example
 * ```ts
 * import { pull } from "retemper";
 *
 * const fetchModel = (name: string) => pull(name, { hub: { onNote: console.error } });
 * console.log(typeof fetchModel); // function
 * ```
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PullReport> {
  const started = performance.now();
  const { signal, transformersCache: cache, verify, base, hub } = options;
  signal?.throwIfAborted();
  const part = partOf(name);
  const [own, under] = await pullModel(part, { signal, cache, verify, base, hub });
  if (!own) throw new RetemperError("INTERNAL", "nothing was pulled");
  return {
    ...describe(own),
    ...(under && { base: describe(under) }),
    seconds: (performance.now() - started) / 1000,
  };
}

function partOf(name: string) {
  try {
    return parseLocation(name, () => false);
  } catch (error) {
    if (!(error instanceof ModelReferenceError)) throw error;
    throw new RetemperError("USAGE", error.message, { hint: "write org/name or org/name@revision", cause: error });
  }
}

function describe({
  repository: { id, revision, commit },
  ...facts
}: Awaited<ReturnType<typeof pullModel>>[number]): PulledRepository {
  const { folder, files, bytes, downloaded } = facts;
  return { model: id, revision, commit, folder, files, bytes, downloaded };
}
