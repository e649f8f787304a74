// Opens a model in a thread of its own, so that the caller's event loop stays free while it computes.

import { isQuantised } from "../checkpoint/formats/quantised/dequantise.js";
import { locate } from "../checkpoint/locate.js";
import { openFolder } from "../checkpoint/modelFolder.js";
import { obtain } from "../checkpoint/obtain.js";
import { readConfig } from "../checkpoint/open.js";
import { requireWeights } from "../checkpoint/weights.js";
import { RetemperError } from "../errors.js";
import { BLOCK_QUANTISATIONS, type BlockQuantisation } from "../merge/formats/gguf/inBlocks.js";
import { openVirtualMerge, type VirtualMerge } from "../merge/virtualMerge.js";
import { ownedFolder } from "../output/ownedFolder.js";
import { isRecipeText } from "../recipe/load.js";
import type { Recipe } from "../recipe/types.js";
import { openTokenizer } from "../tokenizer/openTokenizer.js";
import type { Model, ModelOptions, WeightsForm } from "./types.js";
import { recipeOf } from "./virtual/recipeOf.js";
import type { ThreadRequest } from "./worker/messages.js";
import { ModelThread } from "./worker/modelThread.js";
import { ThreadModel } from "./worker/threadModel.js";

/**
 * Opens the model of a folder, or of the hub by its name (from the local cache, else downloaded into it); or a recipe (a path, YAML text or an object), whose
 * merge is never written: its weights are made when they are needed, by the code that writes merges. `BASE+ADAPTER` is a
 * recipe of one model.
 *
 * With `lambdas`, a recipe's own lambda is replaced by each of them, and all answer in one batch; calls may name further values
 * (`lambda`, or `weights` where several models have a weight each), which are added to the open model. So do `variants`, recipes that differ
 * from it in parameters alone. `fidelity` says whether
 * weights are rounded as the written merge's would be ("exact": the same logits, to the bit) or products are summed
 * ("linear": cheaper, a merge in float32).
 *
 * It runs in a thread of its own. An idle model does not hold the process: a program whose other work is done ends, with or
 * without `close`.
 * @throws RetemperError USAGE for wrong options; BAD_INPUT for a model that does not exist, is broken, of an unknown family,
 * lacks tensors or has no tokenizer.json; DEVICE for a GPU that is required and not there, or a TensorFlow that is not set
 * up; OUT_OF_MEMORY for a model that does not fit. Rejects with `signal.reason` when aborted.
 * @example
 * ```ts
 * import { openModel } from "retemper";
 *
 * // 20 and 40 % of the fine-tuned model, in one batch; no checkpoint is written
 * const recipe = {
 *   merge_method: "linear",
 *   models: [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }],
 * };
 * const model = await openModel(recipe, { lambdas: [0.2, 0.4] });
 * const answers = [];
 * for await (const answer of model.generate([[{ role: "user", content: "Good morning!" }]], { maxNewTokens: 8 })) {
 *   answers.push(answer);
 * }
 * await model.close();
 * console.log(answers.map(({ lambda }) => lambda).sort()); // [ 0.2, 0.4 ]
 * ```
 */
export async function openModel(source: string | Recipe, options: ModelOptions = {}): Promise<Model> {
  const { signal, hub, ...others } = options;
  signal?.throwIfAborted();
  checkOptions(source, others);
  const recipe = recipeOf(source);
  if (recipe !== undefined) {
    if (options.weights === "asStored") {
      throw new RetemperError("USAGE", "weights: asStored is of one GGUF file, and this is a merge", {
        hint: "write the merge first: retemper merge --format gguf",
      });
    }
    return openMerge(recipe, options);
  }
  if (typeof source !== "string") throw new RetemperError("INTERNAL", "a recipe was not taken as one");
  const { lambdas, variants, fidelity, hold, seed, weights } = others;
  if (lambdas !== undefined || variants !== undefined || fidelity !== undefined || seed !== undefined) {
    throw new RetemperError("USAGE", "lambdas, variants, fidelity and seed are of recipes, and this is a model");
  }
  await obtain([{ path: source }], { signal, hub });
  const folder = await locate({ path: source });
  const opened = await openFolder(folder);
  await requireWeights(opened);
  // Its weights are decoded when they are needed, as those of a merge are made; once, where memory has room for them.
  const coded = opened.gguf !== undefined || isQuantised((await readConfig(opened)).config);
  if (weights === "asStored" && opened.gguf === undefined) {
    throw new RetemperError(
      "USAGE",
      "weights: asStored multiplies the blocks of GGUF files, and this is no GGUF file",
      {
        hint: "leave it out",
      },
    );
  }
  if (coded || blocksOf(weights)) {
    const recipe = { merge_method: "passthrough", models: [{ model: source }] };
    return openMerge(recipe, options, unchanged, { holdsWithRoom: hold === undefined && weights !== "asStored" });
  }
  if (hold) {
    throw new RetemperError(
      "USAGE",
      "hold is of recipes and of models that are decoded, and these weights lie as they are",
    );
  }
  // The thread has a tokenizer of its own, for prompts and for text on the way; this one is the caller's.
  const tokenizer = await openTokenizer(folder);
  const thread = await ModelThread.open({ source, folder, options: others }, signal);
  return new ThreadModel(thread, tokenizer);
}

/** The quantisation that a form of weights is, if it is one. */
function blocksOf(weights: WeightsForm | undefined): BlockQuantisation | undefined {
  return BLOCK_QUANTISATIONS.find((one) => one === weights);
}

const unchanged = async (merge: VirtualMerge) => merge;

/**
 * Opens a virtual merge.
 * @param change what is changed of it before it is opened: its configuration, in its folder, or its list of tensors
 * @param how `holdsWithRoom`: its weights are held, as with `hold`, where they take no large part of the memory
 */
export async function openMerge(
  recipe: string | Recipe,
  { signal, hub, ...options }: ModelOptions,
  change: (merge: VirtualMerge) => Promise<VirtualMerge> = unchanged,
  { holdsWithRoom }: Pick<ThreadRequest, "holdsWithRoom"> = {},
): Promise<Model> {
  const { variants, ...own } = options;
  const { engine = "auto", requireGpu, threads, lambdas, fidelity, seed } = own;
  if ((engine !== "auto" && engine !== "native") || requireGpu) {
    const which = requireGpu ? "a GPU" : `the engine ${engine}`;
    throw new RetemperError("USAGE", `${which} cannot run a virtual merge`, {
      hint: "leave the engine out, or write the merge first: retemper merge",
    });
  }
  const place = await ownedFolder("retemper-virtual-");
  const { path: folder } = place;
  try {
    const quantise = blocksOf(own.weights);
    const how = { signal, hub, threads, lambdas, variants, fidelity, quantise, seed };
    const { merge: opened, ...further } = await openVirtualMerge(recipe, folder, how);
    const merge = await change(opened);
    const tokenizer = await openTokenizer(folder);
    const source = typeof recipe === "string" && !isRecipeText(recipe) ? recipe : `${merge.method} merge`;
    const thread = await ModelThread.open({ source, folder, options: own, merge, holdsWithRoom }, signal);
    return new ThreadModel(thread, tokenizer, further);
  } finally {
    await place.remove();
  }
}

const CACHES = ["float32", "bfloat16", "int8"];

/** What the thread's own checks would find too late or not at all. */
function checkOptions(
  source: unknown,
  { precision, cache, threads, maxMemory, fidelity, weights, weightsCache, hold }: ModelOptions,
): void {
  if (source === "" || (typeof source !== "string" && (typeof source !== "object" || source === null)))
    throw new RetemperError("USAGE", "openModel takes a model's folder or id, or a recipe");
  if (precision !== undefined && precision !== "float32" && precision !== "bfloat16") {
    throw new RetemperError("USAGE", `precision must be float32 or bfloat16, not ${String(precision)}`);
  }
  if (cache !== undefined && !CACHES.includes(cache)) {
    throw new RetemperError("USAGE", `cache must be ${CACHES.join(", ")}, not ${String(cache)}`);
  }
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw new RetemperError("USAGE", `threads must be a whole number of at least 1, not ${String(threads)}`);
  }
  if (maxMemory !== undefined && !(Number.isFinite(maxMemory) && maxMemory > 0)) {
    throw new RetemperError("USAGE", `maxMemory must be a number of bytes, not ${String(maxMemory)}`);
  }
  if (fidelity !== undefined && fidelity !== "exact" && fidelity !== "linear") {
    throw new RetemperError("USAGE", `fidelity must be exact or linear, not ${String(fidelity)}`);
  }
  if (weights !== undefined && weights !== "decoded" && weights !== "asStored" && !blocksOf(weights)) {
    throw new RetemperError("USAGE", `there are no weights ${String(weights)}`, {
      hint: `choose decoded, asStored, ${BLOCK_QUANTISATIONS.join(", ")}`,
    });
  }
  if (weightsCache !== undefined && (weightsCache === "" || !blocksOf(weights))) {
    throw new RetemperError(
      "USAGE",
      "weightsCache is a folder for weights that are put into blocks, and there are none",
      {
        hint: `give weights, too: ${BLOCK_QUANTISATIONS.join(", ")}`,
      },
    );
  }
  if (weights !== undefined && weights !== "decoded" && hold) {
    throw new RetemperError("USAGE", `hold keeps decoded weights, and weights: ${weights} has none`);
  }
}
