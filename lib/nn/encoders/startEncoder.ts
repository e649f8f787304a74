// An encoder on an engine in this thread: inputs are batched by length.

import { setImmediate as nextTurn } from "node:timers/promises";
import { loadAddon } from "../../addon/load.js";
import { obtain } from "../../checkpoint/obtain.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import { RetemperError } from "../../errors.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import { chooseEngine } from "../engines/chooseEngine.js";
import { weightsOf } from "../engines/runningEngine.js";
import { startEngine } from "../engines/startEngine.js";
import { encode } from "./encode.js";
import type { EncoderOptions, OpenEncoder } from "./encoder.js";
import { encoderSpec } from "./encoderSpec.js";

/** Places of a batch's rectangle, padding included: enough to keep the products large, a layer's turn short. */
const BATCH_TOKENS = 2048;

/** As `openEncoder` documents it. */
export async function startEncoder(model: string, options: EncoderOptions): Promise<OpenEncoder> {
  await obtain([{ path: model }], { signal: options.signal, hub: options.hub });
  const checkpoint = await openCheckpoint(model, { addon: loadAddon() });
  const spec = encoderSpec(checkpoint);
  const tokenizer = await openTokenizer(checkpoint.folder);
  const ends = tokenizer.encode("");
  const [start, end] = ends;
  if (ends.length !== 2 || start === undefined || end === undefined) {
    throw new RetemperError("BAD_INPUT", "the tokenizer does not put one special token at either end of a text", {
      file: checkpoint.folder,
      hint: "An encoder's tokenizer.json has a post_processor that adds [CLS] and [SEP], or <s> and </s>.",
    });
  }
  const engine = await startEngine(chooseEngine(options).engine, checkpoint, weightsOf(spec), options);
  let isOpen = true;

  return {
    facts: engine.facts,
    layers: spec.layers.length,
    hiddenSize: spec.hidden,
    maxLength: spec.maxLength,
    endIds: { start, end },
    encode(text, { maxLength = spec.maxLength } = {}) {
      // RoBERTa's first word is like any other: after a space
      const spaced = spec.family === "roberta" && text !== "" ? ` ${text.trimStart()}` : text;
      const inner = tokenizer.encode(spaced, { addSpecialTokens: false });
      return [start, ...inner.slice(0, Math.max(maxLength - 2, 0)), end];
    },
    async hidden(ids, layer, { signal } = {}) {
      check(ids, layer);
      const turn = async () => {
        signal?.throwIfAborted();
        await nextTurn();
        if (!isOpen) throw new RetemperError("CANCELLED", "the encoder was closed");
      };
      const states = ids.map((): Float32Array => new Float32Array(0));
      for (const batch of batchesOf(ids)) {
        await turn();
        const inputs = batch.map((input) => ids[input] as readonly number[]);
        const found = await encode(spec, engine, inputs, layer, { turn });
        batch.forEach((input, i) => {
          states[input] = found[i] as Float32Array;
        });
      }
      return states;
    },
    async close() {
      if (isOpen) engine.runtime.dispose();
      isOpen = false;
    },
  };

  function check(ids: readonly (readonly number[])[], layer: number): void {
    if (!Number.isInteger(layer) || layer < 0 || layer > spec.layers.length) {
      throw new RetemperError("USAGE", `the encoder has no layer ${layer}`, {
        hint: `Give 0 to ${spec.layers.length}.`,
      });
    }
    for (const [input, own] of ids.entries()) {
      if (own.length > spec.maxLength) {
        const message = `input ${input} has ${own.length} tokens; the encoder reads at most ${spec.maxLength}`;
        throw new RetemperError("USAGE", message, { hint: "Cut it, as encode() does." });
      }
      const strange = own.find((id) => !Number.isInteger(id) || id < 0 || id >= spec.vocabulary);
      if (strange !== undefined) {
        const message = `input ${input} has the id ${strange}; the vocabulary ends at ${spec.vocabulary - 1}`;
        throw new RetemperError("USAGE", message);
      }
    }
  }
}

/** Indices of inputs of similar length, longest first, without those that are empty. */
function batchesOf(ids: readonly (readonly number[])[]): number[][] {
  const length = (input: number) => ids[input]?.length ?? 0;
  const order = [...ids.keys()].filter((input) => length(input) > 0).sort((a, b) => length(b) - length(a));
  const batches: number[][] = [];
  let longest = 0;
  for (const input of order) {
    const batch = batches.at(-1);
    if (batch && (batch.length + 1) * longest <= BATCH_TOKENS) batch.push(input);
    else {
      longest = length(input);
      batches.push([input]);
    }
  }
  return batches;
}
