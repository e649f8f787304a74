// The adapters that requests have loaded by names of their own, as vLLM's server lets them: those below the folder that was allowed.

import { relative, sep } from "node:path";
import { RetemperError } from "../errors.js";
import type { AdapterFolder } from "../generate/variantTypes.js";
import { ApiError } from "./apiError.js";

export interface LoadedAdapter {
  readonly name: string;
  /** What the model calls it. */
  readonly weight: string;
  /** Below the folder. */
  readonly path: string;
}

const LONGEST_NAME = 200;
/** Names at once; an adapter may have several. */
const MOST_NAMES = 1024;

export class LoadedAdapters {
  readonly #folder: AdapterFolder | undefined;
  readonly #base: string;
  readonly #loaded = new Map<string, LoadedAdapter>();

  /** @param base what the server calls the model itself */
  constructor(folder: AdapterFolder | undefined, base: string) {
    this.#folder = folder;
    this.#base = base;
  }

  get list(): readonly LoadedAdapter[] {
    return [...this.#loaded.values()];
  }

  find(name: string): LoadedAdapter | undefined {
    return this.#loaded.get(name);
  }

  /**
   * @param path of an adapter's folder; relative ones begin at the folder that was allowed
   * @throws ApiError 403 where none may be loaded; 400 for a name that cannot be, or is in use, and for an adapter that does not fit the model; 404 for a path that is
   *   no adapter below the folder
   */
  async load(name: string, path: string): Promise<void> {
    const folder = this.#allowed();
    if (name.length > LONGEST_NAME || !/^[^@\p{Cc}]+$/u.test(name) || name === this.#base) {
      throw refused(400, "lora_name", `${JSON.stringify(name.slice(0, LONGEST_NAME))} cannot be an adapter's name`);
    }
    this.#refuseTaken(name);
    const found = await folder.open(path).catch((error: unknown) => {
      if (!(error instanceof RetemperError)) throw error;
      const said = error.message.replaceAll(`${folder.path}${sep}`, ""); // where it lies is for whoever runs the server
      throw refused(400, "lora_path", `the adapter cannot be opened: ${said}`);
    });
    // Of what is not there nothing else is told than of what lies elsewhere.
    if (found === undefined) {
      throw refused(
        404,
        "lora_path",
        "there is no adapter of this path below the folder that the server was started with",
      );
    }
    this.#refuseTaken(name); // by another request meanwhile
    this.#loaded.set(name, { name, weight: found.name, path: relative(folder.path, found.path) });
  }

  #refuseTaken(name: string): void {
    if (this.#loaded.has(name)) {
      throw refused(400, "lora_name", `The lora adapter '${name}' has already been loaded.`);
    }
    if (this.#loaded.size >= MOST_NAMES) {
      throw refused(400, "lora_name", `there are ${MOST_NAMES} loaded adapters already: unload some first`);
    }
  }

  /** Requests that it answers go on. @throws ApiError 403, 404 */
  unload(name: string): void {
    this.#allowed();
    if (!this.#loaded.delete(name)) {
      throw refused(404, "lora_name", `The lora adapter '${name.slice(0, LONGEST_NAME)}' cannot be found.`);
    }
  }

  #allowed(): AdapterFolder {
    if (this.#folder) return this.#folder;
    throw new ApiError(403, "this server loads no adapters: it was started without a folder of them (--lora-folder)", {
      code: "adapters_not_allowed",
    });
  }
}

function refused(status: number, param: string, message: string): ApiError {
  return new ApiError(status, message, { param });
}
