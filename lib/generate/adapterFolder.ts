// A model with the adapters below a folder, all of them open at once: which of them answers, and at which weight, is said by each call. What is
// opened is settled here, so that a server which lets its clients name adapters reads no file because of a request.

import { readdir, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
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
 * that lead out of the folder are left out.
 * @param base folder of a model, or its name on the hub
 * @param folder what the adapters lie in, at most four folders deep
 * @param options as `openModel` has them; `fidelity` is "linear" by default
 * @throws RetemperError USAGE for a recipe, for a folder without adapters or with more than 64; IO; what `openModel` throws, also where an adapter does
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
  const recipe = { merge_method: "task_arithmetic", base_model: base, models };
  const model = await openModel(recipe, { fidelity: "linear", ...options });
  const { weightNames = [] } = model.facts;
  const names = new Map(found.map((lora, place) => [lora, weightNames[place] as string]));
  return { model, adapters: { base, path, names } };
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
  if (found.size === 0 || found.size > MOST_ADAPTERS) {
    const many = found.size === 0 ? "no adapter" : `${found.size} adapters, more than ${MOST_ADAPTERS}`;
    throw new RetemperError("USAGE", `there is ${many} below ${folder}`, {
      hint: "an adapter is a folder with adapter_config.json and adapter_model.safetensors",
    });
  }
  return { path, found: [...found].sort() };
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
