// A model with the adapters below a folder: which of them answers, and at which weight, is said by each call. What lies there when the model is
// opened is opened with it; what comes later, when it is asked for.

import { readdir, realpath } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { RetemperError } from "../errors.js";
import { exists } from "../files/exists.js";
import { ioError } from "../files/ioError.js";
import { parseLocation } from "../recipe/modelReference.js";
import type { Recipe } from "../recipe/types.js";
import { openModel } from "./openModel.js";
import type { Model, ModelOptions } from "./types.js";
import type { AdapterFolder } from "./variantTypes.js";
import { recipeOf } from "./virtual/recipeOf.js";

/** Each has its factors in memory. */
const MOST_ADAPTERS = 64;
/** Folders in folders that are looked into. */
const DEEPEST = 4;

/**
 * Opens a model and every LoRA adapter that lies below a folder, in one memory of the model. Calls without `weights` are answered by the model
 * itself; `weights: { [name]: 1 }` is the model with that adapter, and several names are the sum of their changes. Links
 * that lead out of the folder are left out. `adapters.open` opens one that was put there later.
 * @param base folder of a model, or its name on the hub
 * @param folder what the adapters lie in, at most four folders deep
 * @param options as `openModel` has them; `fidelity` is "linear" by default
 * @throws RetemperError USAGE for a recipe, and for a folder with more than 64 adapters; IO; what `openModel` throws, also where an adapter does
 *   not fit the model
 * @example
 * ```ts
 * import { openWithAdapters, serve } from "retemper";
 *
 * const { model, adapters } = await openWithAdapters("models/aligned", "models/adapters");
 * for (const [path, name] of adapters.names) console.log(path, "is called", name, "in weights");
 * const server = await serve(model, { adapters, port: 0 }); // requests may load them by names of their own
 * await server.close();
 * await model.close();
 * ```
 */
export async function openWithAdapters(
  base: string | Recipe,
  folder: string,
  options: Omit<ModelOptions, "lambdas" | "variants"> = {},
): Promise<{ readonly model: Model; readonly adapters: AdapterFolder }> {
  if (typeof base !== "string" || recipeOf(base) !== undefined) {
    throw new RetemperError("USAGE", "adapters are added to a model, and this is a recipe", {
      hint: "list the adapters in the recipe: `weights` names them then",
    });
  }
  const { path, found } = await adaptersBelow(folder);
  const at = parseLocation(base);
  const models = found.map((lora) => ({ model: { model: at, lora: { path: lora } }, parameters: { weight: 0 } }));
  // Without an adapter yet, the model's change to itself, which is nothing.
  const nothing = { model: base, parameters: { weight: 0 } };
  const recipe = { merge_method: "task_arithmetic", base_model: base, models: models.length > 0 ? models : [nothing] };
  const model = await openModel(recipe, { fidelity: "linear", ...options });
  const { weightNames = [] } = model.facts;
  const names = new Map(found.map((lora, place) => [lora, weightNames[place] as string]));
  return { model, adapters: new OpenAdapters(model, base, path, names) };
}

class OpenAdapters implements AdapterFolder {
  readonly base: string;
  readonly path: string;
  readonly #model: Pick<Model, "addAdapter">;
  readonly #names: Map<string, string>;
  /** One after the other: nothing is opened twice. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(model: Pick<Model, "addAdapter">, base: string, path: string, names: Map<string, string>) {
    this.#model = model;
    this.base = base;
    this.path = path;
    this.#names = names;
  }

  get names(): ReadonlyMap<string, string> {
    return this.#names;
  }

  open(path: string): ReturnType<AdapterFolder["open"]> {
    const opened = this.#last.then(() => this.#open(path));
    this.#last = opened.catch(() => {});
    return opened;
  }

  async #open(path: string): ReturnType<AdapterFolder["open"]> {
    const real = path.includes("\0") ? undefined : await realpath(resolve(this.path, path)).catch(() => undefined);
    // Of what lies elsewhere nothing is read.
    if (real === undefined || !isBelow(this.path, real)) return undefined;
    const known = this.#names.get(real);
    if (known !== undefined) return { name: known, path: real };
    const entries = await readdir(real).catch(() => []);
    if (!(await isAdapter(this.path, real, entries))) return undefined;
    if (this.#names.size >= MOST_ADAPTERS) throw tooMany(this.#names.size + 1, this.path);
    const name = await this.#model.addAdapter(real);
    this.#names.set(real, name);
    return { name, path: real };
  }
}

/** Real paths of the folder and of the adapters' folders, in order. */
async function adaptersBelow(folder: string): Promise<{ path: string; found: string[] }> {
  const found = new Set<string>();
  const path = await realpath(folder).catch((error: unknown) => {
    throw ioError(error, folder, "cannot open the folder of adapters");
  });
  const look = async (at: string, depth: number): Promise<void> => {
    const real = await realpath(at).catch(() => undefined);
    if (real === undefined || !isBelow(path, real)) return; // a link to nothing, or to elsewhere
    const entries = await readdir(real).catch(() => []); // a file, or another's
    if (await isAdapter(path, real, entries)) found.add(real);
    else if (depth < DEEPEST) for (const name of entries) await look(join(real, name), depth + 1);
  };
  for (const name of await readdir(path)) await look(join(path, name), 1);
  if (found.size > MOST_ADAPTERS) throw tooMany(found.size, folder);
  return { path, found: [...found].sort() };
}

function tooMany(count: number, folder: string): RetemperError {
  return new RetemperError("USAGE", `there are ${count} adapters below ${folder}, more than ${MOST_ADAPTERS}`, {
    hint: "each has its factors in memory: take a folder with fewer",
  });
}

/** Whether a folder is an adapter, all of whose files lie below `root`. */
async function isAdapter(root: string, folder: string, entries: readonly string[]): Promise<boolean> {
  if (!entries.includes("adapter_config.json")) return false;
  const files = entries.filter((name) => name.startsWith("adapter_")).map((name) => join(folder, name));
  const real = await Promise.all(files.map((file) => realpath(file).catch(() => "")));
  return real.every((file) => isBelow(root, file)) && (await exists(join(folder, "adapter_config.json")));
}

function isBelow(root: string, path: string): boolean {
  const rest = relative(root, path);
  return path !== "" && rest !== "" && rest !== ".." && !rest.startsWith(`..${sep}`);
}
