// Opens a sequence classifier: an encoder with the head that transformers' ...ForSequenceClassification puts on its first
// token.

import { loadAddon } from "../../addon/load.js";
import { obtain } from "../../checkpoint/obtain.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint, StoredFile } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import type { EngineFacts } from "../engines/engineTypes.js";
import { widen } from "../engines/reference/widen.js";
import type { EncoderOptions } from "./encoder.js";
import { openEncoder } from "./openEncoder.js";

export interface SequenceClassifier {
  readonly facts: EngineFacts;
  /** Names of the classes in the order of the logits: id2label of config.json. */
  readonly labels: readonly string[];
  /** Logits of each text, or pair of texts, one array of labels.length an input; the longer of a pair loses its end first. */
  classify(
    inputs: readonly (readonly [first: string, second?: string])[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** y = f(W x + b) */
interface Dense {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly act: (x: number) => number;
}

/**
 * Opens a BERT, RoBERTa or DeBERTa (v1) classifier.
 * @param model its folder or hub id
 * @throws RetemperError BAD_INPUT for a model that has no such head, or cannot be run; what `openEncoder` throws
 * @example
 * ```ts
 * import { openClassifier } from "retemper";
 *
 * const classifier = await openClassifier("models/refusal-classifier"); // a RoBERTa for sequence classification
 * const [logits] = await classifier.classify([["I am sorry, I cannot help with that."]]);
 * classifier.labels.forEach((label, at) => {
 *   console.log(label, logits?.[at]);
 * });
 * await classifier.close();
 * ```
 */
export async function openClassifier(model: string, options: EncoderOptions = {}): Promise<SequenceClassifier> {
  await obtain([{ path: model }], { signal: options.signal, hub: options.hub });
  const checkpoint = await openCheckpoint(model, { addon: loadAddon() });
  const labels = labelsOf(checkpoint);
  const head = headOf(checkpoint, labels.length);
  const tokenizer = await openTokenizer(checkpoint.folder);
  const encoder = await openEncoder(model, options);
  const family = String(checkpoint.config.model_type);
  const { start, end } = encoder.endIds;
  const between = family === "bert" || family === "deberta" ? [end] : [end, end];

  const idsOf = ([first, second]: readonly [string, string?]): number[] => {
    const inner = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    if (second === undefined) return [start, ...inner(first).slice(0, encoder.maxLength - 2), end];
    if (family === "bert") {
      throw new RetemperError("USAGE", "BERT tells two texts apart by token types, which are not built in.", {
        hint: 'classify one text: input: "response", or a template of both',
      });
    }
    const [a, b] = [inner(first), inner(second)];
    const [keepA, keepB] = cut(a.length, b.length, encoder.maxLength - 2 - between.length);
    return [start, ...a.slice(0, keepA), ...between, ...b.slice(0, keepB), end];
  };

  return {
    facts: encoder.facts,
    labels,
    async classify(inputs, { signal } = {}) {
      const states = await encoder.hidden(inputs.map(idsOf), encoder.layers, { signal });
      return states.map((state) => {
        let x: Float32Array = state.subarray(0, encoder.hiddenSize);
        for (const dense of head) x = apply(dense, x);
        return x;
      });
    },
    close: () => encoder.close(),
  };
}

/** What of two texts fits: the shorter is kept as long as it can be (longest_first of the tokenizers library). */
function cut(a: number, b: number, room: number): [number, number] {
  const [short, long] = a <= b ? [a, b] : [b, a];
  if (a + b <= room) return [a, b];
  let [keepShort, keepLong] = [short, Math.max(short, room - short)];
  if (keepShort + keepLong > room) {
    keepShort = Math.floor(room / 2);
    keepLong = room - keepShort;
  }
  return a <= b ? [keepShort, Math.min(long, keepLong)] : [Math.min(long, keepLong), keepShort];
}

function labelsOf({ config, folder }: Checkpoint): string[] {
  const names = config.id2label;
  if (typeof names !== "object" || names === null) {
    throw new RetemperError("BAD_INPUT", "config.json has no id2label: this is no classifier", { file: folder });
  }
  const entries = Object.entries(names as Record<string, unknown>);
  return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => String(name));
}

/** BERT and DeBERTa have a pooler and a classifier, RoBERTa a classifier of two layers. */
function headOf(checkpoint: Checkpoint, classes: number): Dense[] {
  const type = String(checkpoint.config.model_type);
  const hidden = Number(checkpoint.config.hidden_size);
  const two = type === "bert" || type === "deberta";
  const inner = two ? poolerName(checkpoint) : "classifier.dense";
  const outer = two ? "classifier" : "classifier.out_proj";
  return [
    dense(checkpoint, inner, hidden, hidden, type === "deberta" ? gelu : Math.tanh),
    dense(checkpoint, outer, classes, hidden, (x) => x),
  ];
}

function poolerName({ tensors }: Checkpoint): string {
  const leaf = "pooler.dense.weight";
  const found = [...tensors.keys()].find((name) => name === leaf || name.endsWith(`.${leaf}`));
  return found?.slice(0, -".weight".length) ?? "pooler.dense";
}

function dense(checkpoint: Checkpoint, name: string, out: number, inputs: number, act: Dense["act"]): Dense {
  const read = (leaf: string, shape: readonly number[]) => {
    const stored = checkpoint.tensors.get(`${name}.${leaf}`);
    if (!stored || stored.shape.join() !== shape.join() || !/^(F32|F16|BF16)$/.test(stored.dtype)) {
      const has = stored ? `is ${stored.dtype} [${stored.shape.join(", ")}]` : "is missing";
      throw new RetemperError("BAD_INPUT", `${name}.${leaf} ${has}; a classifier's is [${shape.join(", ")}]`, {
        file: checkpoint.folder,
        hint: "give a checkpoint of a model for sequence classification",
      });
    }
    const { path } = checkpoint.files[stored.file] as StoredFile;
    return widen(loadAddon().readBytes(path, stored.offset, stored.offset + stored.bytes), stored.dtype);
  };
  return { weight: read("weight", [out, inputs]), bias: read("bias", [out]), act };
}

function apply({ weight, bias, act }: Dense, x: Float32Array): Float32Array {
  return bias.map((start, row) => {
    let sum = start;
    for (let at = 0; at < x.length; at++) sum += (weight[row * x.length + at] as number) * (x[at] as number);
    return act(sum);
  });
}

/** x Phi(x), with the error function of Abramowitz and Stegun's 7.1.26 (1964), exact to 1.5e-7. */
function gelu(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - series * Math.exp(-z * z);
  return 0.5 * x * (1 + (x < 0 ? -erf : erf));
}
