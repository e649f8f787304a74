// Safe Delta (https://arxiv.org/abs/2505.12038): of the change D = F - A of each linear layer as much stays as safe rows allow, by
// what it changes of the layer's outputs on them, and later columns of A make good what stays (native/lowrank/safe_delta.h). A reads
// the rows once, layer by layer. What is made is a checkpoint of these weights as float32; all other tensors change by lambda D.

import { statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { layerOf } from "../../checkpoint/families.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { rowsFile } from "../../recipe/references.js";
import { isLayerMatrix } from "../adapter/tensorChange.js";
import { activationSource } from "./activations.js";
import { plannedChanges } from "./changes.js";
import { keepLayers } from "./keepLayers.js";
import { ofLayers, sumOver } from "./matrixBytes.js";
import { openRoles } from "./openRoles.js";
import { gatedWeight, numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { alignedModel, isAdapterOf, tunedModel } from "./theModels.js";
import type { OutlinedMatrix, PreparedMethod } from "./types.js";

/** What the made checkpoint is called in the ordinary recipe. */
const KEPT = "retemper:kept";

export const safeDelta: PreparedMethod = {
  decides: ["s", "rows"],
  adds: "weights",
  check(recipe) {
    activationSource(recipe.method);
    const rows = rowsFile(recipe) as string;
    if (statSync(rows, { throwIfNoEntry: false })?.isFile()) return;
    throw new RetemperError("BAD_INPUT", `${rows} is no file: safe_delta reads its safe rows from it`, {
      file: rows,
      hint: "rows is a file that `tune` could learn from, as a path from where the command is started",
    });
  },
  async make(recipe, folder, options) {
    const [base, model] = [alignedModel(recipe), tunedModel(recipe)];
    const of = await openRoles(recipe, options);
    const files = new InputFiles();
    const { tensors, warnings } = plannedChanges(model, base, of, files);
    // Of an adapter's model, all that it does not name is A's.
    const effects = isAdapterOf(model, base) ? of(model).adapter?.effects : undefined;
    const changed = [...tensors.values()].filter(({ name, shape }) => {
      return isLayerMatrix(name, shape) && (effects?.has(name) ?? true);
    });
    const [work, out] = [join(folder, "work"), join(folder, "kept")];
    for (const place of [work, out]) {
      await mkdir(place).catch((error: unknown) => {
        throw ioError(error, place, "cannot make a folder");
      });
    }
    const source = activationSource(recipe.method);
    const reading = await source.read({ model: base, rows: rowsFile(recipe) as string, folder: work }, options);
    try {
      const run = new Set(reading.weights);
      const layers = new Map(changed.flatMap((draft) => (run.has(draft.name) ? [[draft.name, draft] as const] : [])));
      const left = changed.flatMap(({ name }) => (run.has(name) ? [] : [name]));
      const s = numberOf(recipe, "s") as number;
      const bytesWritten =
        layers.size > 0
          ? await keepLayers(reading, layers, { files, config: of(base).config, s, work, out }, options)
          : 0;
      return {
        models: layers.size > 0 ? { [KEPT]: out } : {},
        replaced: [...layers.keys()],
        bytesWritten,
        warnings: [
          ...warnings,
          ...reading.warnings,
          ...(left.length > 0 ? [`${base.text} does not compute with ${left.join(", ")}: they change by lambda`] : []),
        ],
      };
    } finally {
      reading.close();
      await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
    }
  },
  disk(recipe, matrices) {
    const own = ofLayers(matrices).filter(({ rank }) => rank !== 0);
    const rows = statSync(rowsFile(recipe) as string, { throwIfNoEntry: false })?.size ?? 0;
    const layers = [...new Set(own.map(({ name }) => layerOf(name)?.index))].map((index) => {
      return own.filter(({ name }) => layerOf(name)?.index === index);
    });
    const most = (bytesOf: (layer: readonly OutlinedMatrix[]) => number) => Math.max(0, ...layers.map(bytesOf));
    // F's matrix and A's of the products with the same inputs lie there together: those of one layer at most.
    const pairs = most((layer) => sumOver(layer, (matrix) => 8 * matrix.rows * matrix.cols));
    // What enters the products of one layer, and what is between two layers, which is no wider than the widest of these. The tokens
    // are estimated, one for two bytes of the file: a chat template adds some, a tokenizer makes fewer of text.
    const entering = most(
      (layer) => 2 * rows * (sumOver(layer, ({ cols }) => cols) + Math.max(...layer.map(({ cols }) => cols))),
    );
    return pairs + sumOver(own, (matrix) => 4 * matrix.rows * matrix.cols) + entering;
  },
  async reads(recipe, matrices, options) {
    const own = new Map(ofLayers(matrices).flatMap((one) => (one.rank === 0 ? [] : [[one.name, one] as const])));
    const request = { model: alignedModel(recipe), rows: rowsFile(recipe) as string };
    const { rows, tokens, inputs } = await activationSource(recipe.method).count(request, options);
    // Products of the inputs, the inverse's root of them, and for each weight what its columns pass on to later ones.
    const each = inputs.map(({ weights }) => {
      const taken = weights.flatMap((name) => own.get(name) ?? []);
      const cols = taken[0]?.cols ?? 0;
      return (tokens * cols ** 2) / 2 + 1.5 * cols ** 3 + sumOver(taken, (one) => (one.rows * cols ** 2) / 2);
    });
    return { rows, tokens, multiplications: each.reduce((sum, one) => sum + one, 0) };
  },
  ordinary(recipe, { models, replaced = [] }) {
    const gates = replaced.map((name) => ({ module: name.replace(/\.weight$/, ""), gated: true }));
    const made = Object.hasOwn(models, KEPT) ? [{ text: KEPT, path: KEPT }] : [];
    return sumRecipe(recipe, "task_arithmetic", [
      { model: tunedModel(recipe), weight: gatedWeight(recipe, gates, 0, 1) },
      ...made.map((model) => ({ model, weight: weightOf(recipe, "lambda"), optional: "partial" as const })),
    ]);
  },
};
