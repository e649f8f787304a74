// A control of the rank: an adapter whose changes have a lower one.

import { cp } from "node:fs/promises";
import { join } from "node:path";
import { loadAddon } from "../../addon/load.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import { encodeTensors, type FloatTensor, readTensors } from "../../checkpoint/tensorFile.js";
import type { Adapter, LowRankTerm, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { KEPT, writeWhole } from "../../files/writeWhole.js";
import { truncatedProduct } from "../../merge/adapter/truncatedProduct.js";
import { widen } from "../../nn/engines/reference/widen.js";
import { modelParts } from "../settings/modelParts.js";

const [CONFIG, WEIGHTS] = ["adapter_config.json", "adapter_model.safetensors"];

/**
 * Writes the adapter of `tuned` with each of its products truncated to a rank: the nearest matrix of that rank. Keys, shapes
 * and configuration stay what they are (columns beyond the rank are 0); float32.
 * @param tuned aligned + adapter
 * @param folder of the new adapter; its configuration is written last
 * @throws RetemperError BAD_INPUT for what is no LoRA adapter, or one of DoRA
 */
export async function writeTruncatedAdapter(tuned: string, rank: number, folder: string): Promise<void> {
  const adapter = await openAdapterOf(tuned);
  const file = adapter.files[0]?.path as string;
  const tensors = readTensors(file, loadAddon(), widen);
  for (const { b, a } of productsOf(adapter)) {
    const [before, beside] = [matrixOf(b, tensors), matrixOf(a, tensors)];
    if (rank >= before.columns) continue;
    const made = truncatedProduct(before, beside, rank);
    tensors.set(b.name, { shape: b.shape, values: made.b.values });
    tensors.set(a.name, { shape: a.shape, values: made.a.values });
  }
  await makeFolder(folder);
  await writeWhole(join(folder, WEIGHTS), encodeTensors(tensors));
  try {
    await cp(join(adapter.folder, CONFIG), join(folder, CONFIG));
  } catch (error) {
    throw ioError(error, join(folder, CONFIG), "cannot write", KEPT);
  }
}

/**
 * The rank of an adapter: the highest of its products.
 * @throws as `writeTruncatedAdapter` does
 */
export async function rankOf(tuned: string): Promise<number> {
  return Math.max(...productsOf(await openAdapterOf(tuned)).map(({ rank }) => rank));
}

async function openAdapterOf(tuned: string): Promise<Adapter> {
  const [model, lora] = modelParts(tuned);
  const refused = (why: string) =>
    new RetemperError("BAD_INPUT", `${why}, and the control lower_rank is of LoRA adapters`, {
      file: lora?.path ?? model.path,
      hint: "leave lower_rank out of controls",
    });
  if (!lora) throw refused("this is a whole model");
  const { adapter } = await openCheckpoint({ text: tuned, ...model, lora }, { addon: loadAddon() });
  const terms = termsOf(adapter as Adapter);
  if (terms.some(({ dora }) => dora !== undefined)) throw refused("the adapter is one of DoRA");
  if (terms.some(({ experts }) => experts !== undefined))
    throw refused("the adapter is one of experts (target_parameters)");
  if (terms.length === 0) throw refused("the adapter has no products");
  return adapter as Adapter;
}

function termsOf({ effects }: Adapter): LowRankTerm[] {
  return [...effects.values()].flatMap((effect) => (effect.kind === "lowRank" ? [effect.term] : []));
}

/** PEFT's B and A of each product, however the model's weight lies. */
function productsOf(adapter: Adapter): { readonly b: StoredTensor; readonly a: StoredTensor; readonly rank: number }[] {
  return termsOf(adapter).map(({ left, leftTransposed, right, rank }) =>
    leftTransposed ? { b: right, a: left, rank } : { b: left, a: right, rank },
  );
}

/** As a matrix of the first dimension by all others. */
function matrixOf({ name, shape }: StoredTensor, tensors: ReadonlyMap<string, FloatTensor>) {
  const [rows = 1, ...rest] = shape;
  const { values } = tensors.get(name) as FloatTensor;
  return { rows, columns: rest.reduce((product, size) => product * size, 1), values };
}
