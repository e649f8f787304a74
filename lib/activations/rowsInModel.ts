// A model reads rows of text, layer by layer: what is between two layers lies in a file, and so does what enters the products of a
// layer, so that memory does not grow with the rows.

import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isQuantised } from "../checkpoint/formats/quantised/dequantise.js";
import { locate } from "../checkpoint/locate.js";
import { openFolder } from "../checkpoint/modelFolder.js";
import { openCheckpoint, readConfig } from "../checkpoint/open.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import { writeAll } from "../files/writeAll.js";
import { readFloats } from "../merge/adapter/engineTensors.js";
import type { ActivationRequest, LinearInputs, RowsCounted, RowsInModel } from "../merge/prepared/activations.js";
import type { PrepareOptions } from "../merge/prepared/types.js";
import { type VirtualMerge, virtualMerge } from "../merge/virtualMerge.js";
import { type RunningEngine, weightsOf } from "../nn/engines/runningEngine.js";
import { startEngine } from "../nn/engines/startEngine.js";
import { decoderSpec } from "../nn/families/decoderSpec.js";
import { stopTokensOf } from "../nn/families/stopTokens.js";
import { inputsOfLayer, LayerPass } from "../nn/layerInputs.js";
import type { DecoderSpec, LayerSpec, Rows } from "../nn/ops/specs.js";
import { mergedCheckpoint } from "../nn/virtual/virtualCheckpoint.js";
import { encodeRows } from "../tune/data/encodeRows.js";
import { batchOf, type Example, inBatches } from "../tune/data/example.js";

/** Tokens that are computed at once, unless one row has more: whole rows. */
const AT_ONCE = 512;

/**
 * Opens the model and reads the rows. Each is a conversation in the model's own chat template, prompt and answer, of which every
 * token counts; one that is longer than the model's context is cut at its end.
 * @throws RetemperError BAD_INPUT for a model of an unknown family, and for a row that cannot be read, with its place
 */
export async function readRowsInModel(
  { model, rows, folder }: ActivationRequest,
  options: PrepareOptions,
): Promise<RowsInModel> {
  const { threads, signal } = options;
  const { checkpoint, merge } = await openAligned(model, join(folder, "model"), options);
  const { spec, examples, cut, dropped, tokens } = await encoded(checkpoint, rows);
  signal?.throwIfAborted();
  const parts = weightsOf({ embed: spec.embed, layers: spec.layers });
  const engine = await startEngine("native", checkpoint, parts, { threads: threads || undefined, merge });
  const warnings = [
    ...(cut > 0 ? [`${rows}: ${cut} rows are longer than ${spec.maxPositions} tokens and were cut`] : []),
    ...(dropped > 0 ? [`${rows}: ${dropped} rows have no answer and were left out`] : []),
  ];
  return {
    rows: examples.length,
    tokens,
    layers: spec.layers.length,
    weights: spec.layers.flatMap((layer) => inputsOfLayer(layer).flatMap(({ weights }) => weights)),
    warnings,
    inputs: (wanted) => throughLayers(engine, spec, examples, { folder, signal, wanted }),
    close: () => engine.runtime.dispose(),
  };
}

/** What the model would read, and which of its weights take the same inputs. @throws as `readRowsInModel` */
export async function countRows(
  { model, rows }: Omit<ActivationRequest, "folder">,
  { addon, models: named, transformersCache: cache }: PrepareOptions,
): Promise<RowsCounted> {
  const checkpoint = await openCheckpoint(model, { addon, cache, named, decodes: true }); // names and shapes alone are looked at
  const { spec, examples, tokens } = await encoded(checkpoint, rows);
  return { rows: examples.length, tokens, inputs: spec.layers.flatMap(inputsOfLayer) };
}

async function encoded(checkpoint: Checkpoint, rows: string) {
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const whole = { cutoff: spec.maxPositions, system: undefined, paperExact: false };
  const { examples, cut, dropped } = await encodeRows(rows, checkpoint.folder, spec, whole);
  return { spec, examples, cut, dropped, tokens: examples.reduce((sum, { ids }) => sum + ids.length, 0) };
}

/** A model whose weights lie as numbers is run where it lies; one with an adapter, or with codes, as a merge of it alone. */
async function openAligned(
  model: ActivationRequest["model"],
  folder: string,
  { addon, threads, signal, models: named, transformersCache: cache }: PrepareOptions,
): Promise<{ readonly checkpoint: Checkpoint; readonly merge?: VirtualMerge }> {
  const stored = await openFolder(await locate(model, { cache, named }));
  const isCoded = stored.gguf !== undefined || isQuantised((await readConfig(stored)).config);
  if (!isCoded && !model.lora) return { checkpoint: await openCheckpoint(model, { addon, cache, named }) };
  await makeFolder(folder);
  const recipe = { merge_method: "passthrough", models: [{ model: model.text }], dtype: "float32" };
  const options = { fidelity: "linear", threads, signal, models: named, transformersCache: cache } as const;
  const merge = await virtualMerge(recipe, folder, options);
  return { checkpoint: await mergedCheckpoint(model.text, merge), merge };
}

interface Place {
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
  /** Which inputs are written: those of these weights. */
  readonly wanted: (weight: string) => boolean;
}

async function* throughLayers(
  engine: RunningEngine,
  spec: DecoderSpec,
  examples: readonly Example[],
  place: Place,
): AsyncGenerator<readonly LinearInputs[], void, void> {
  const pass = new LayerPass(engine, spec);
  const pieces = inBatches(examples, AT_ONCE).map((piece) => batchOf(piece).rows);
  const path = join(place.folder, "states");
  const states = await open(path, "wx+").catch((error: unknown) => {
    throw ioError(error, path, "cannot write");
  });
  try {
    for (const index of spec.layers.keys()) {
      const inputs = await throughLayer(pass, index, spec.layers, pieces, states, place);
      yield inputs;
      for (const { values } of inputs) await rm(values.path, { force: true });
    }
  } finally {
    await states.close().catch(() => {});
  }
}

/** The layer's states take the place of those that entered it. */
async function throughLayer(
  pass: LayerPass,
  index: number,
  layers: readonly LayerSpec[],
  pieces: readonly Rows[],
  states: FileHandle,
  { folder, signal, wanted }: Place,
): Promise<LinearInputs[]> {
  const layer = layers[index] as LayerSpec;
  const hidden = layer.output.matrix.out;
  const found = inputsOfLayer(layer).flatMap(({ weights, width }, at) => {
    return weights.some(wanted) ? [{ at, weights, width, path: join(folder, `inputs-${at}`) }] : [];
  });
  const files = new Map<number, FileHandle>();
  let tokens = 0;
  try {
    for (const { at, path } of found) files.set(at, await open(path, "wx"));
    for (const rows of pieces) {
      await setImmediate(); // lets a signal be heard
      signal?.throwIfAborted();
      const count = rows.ids.length;
      const entering = index === 0 ? pass.embed(rows) : await readFloats(states, 4 * tokens * hidden, count * hidden);
      const shown = new Map<number, Float32Array>();
      const leaving = pass.layer(index, rows, entering, (at, values) => {
        if (files.has(at)) shown.set(at, values.slice());
      });
      for (const [at, values] of shown) await files.get(at)?.appendFile(bytesOf(values));
      // Nothing reads what leaves the last layer.
      if (index + 1 < layers.length) await writeAll(states, bytesOf(leaving), 4 * tokens * hidden);
      tokens += count;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw ioError(error, folder, "cannot write");
  } finally {
    for (const file of files.values()) await file.close().catch(() => {});
  }
  return found.map(({ weights, width, path }) => {
    return { weights, values: { path, offset: 0, rows: tokens, cols: width } };
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
