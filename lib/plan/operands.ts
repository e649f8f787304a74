// Which stored bytes an input contributes to an output tensor: the tensor itself, its adapter's change to it, or, for the
// head of a model with tied embeddings, its embedding.

import { embeddingNames, isTied, textConfig } from "../checkpoint/families.js";
import type { AdapterEffect, Checkpoint, StoredTensor } from "../checkpoint/types.js";
import type { OutputSlot, SliceInput } from "./layers.js";

/** Where a stored tensor lies: in the model's files or in its adapter's. */
export interface Located {
  readonly stored: StoredTensor;
  readonly from: "model" | "adapter";
}

export interface Operand {
  readonly input: SliceInput;
  /** The tensor's name in the input; per-model filters test it. */
  readonly name: string;
  readonly tensor: Located;
  /** What the adapter adds to it. */
  readonly effect?: Exclude<AdapterEffect, { kind: "replace" }>;
  /** True when the input has an adapter that had a part in these bytes. */
  readonly adapted: boolean;
  /** The dtype that counts in the promotion: an adapter's own storage dtype does not. */
  readonly promotes: StoredTensor["dtype"];
}

/** How the language model's embedding and head are called and related, over all inputs of a recipe. */
export interface Heads {
  readonly embedding: ReadonlySet<string>;
  readonly head: ReadonlySet<string>;
  /** Rows that go with the vocabulary: embeddings, heads and heads' biases. */
  readonly vocabulary: ReadonlySet<string>;
  /** True when the output gets a head of its own. */
  readonly write: boolean;
  /** What config.json must say, where it changes. */
  readonly tie: boolean | undefined;
}

/** Everything that an input has, its adapter's additions included. */
export function allTensors(checkpoint: Checkpoint): ReadonlyMap<string, StoredTensor> {
  const added = checkpoint.adapter?.added;
  return added && added.size > 0 ? new Map([...checkpoint.tensors, ...added]) : checkpoint.tensors;
}

/** Decides for the whole merge whether a head is written: when at least one input has one that is not its embedding. */
export function findHeads(checkpoints: Iterable<Checkpoint>): Heads {
  const [embedding, head, vocabulary] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let [untied, tied, headless] = [0, 0, 0];
  for (const checkpoint of checkpoints) {
    const tensors = allTensors(checkpoint);
    const names = embeddingNames(tensors);
    if (names.embedding !== undefined) embedding.add(names.embedding);
    if (names.head !== undefined) {
      head.add(names.head);
      const bias = names.head.replace(/weight$/, "bias");
      if (tensors.has(bias)) vocabulary.add(bias);
    }
    if (hasOwnHead(checkpoint)) untied++;
    else if (names.embedding !== undefined) {
      tied++;
      if (names.head === undefined) headless++;
    }
  }
  for (const name of [...embedding, ...head]) vocabulary.add(name);
  // A stored head that its configuration ties to the embedding says nothing of its own; it is still kept where all have it.
  const write = untied > 0 || (head.size > 0 && headless === 0);
  return { embedding, head, vocabulary, write, tie: untied > 0 && tied > 0 ? false : undefined };
}

/** True when the checkpoint stores a head and its configuration does not say that the embedding takes its place. */
function hasOwnHead(checkpoint: Checkpoint): boolean {
  const { head } = embeddingNames(allTensors(checkpoint));
  if (head === undefined) return false;
  // An adapter that brings a head of its own unties it, whatever the base's configuration says.
  if (checkpoint.adapter?.added.has(head)) return true;
  return (textConfig(checkpoint.config).tie_word_embeddings ?? checkpoint.config.tie_word_embeddings) !== true;
}

/** Buffers are computed, not learned: some checkpoints store them, others do not. */
export function isBuffer(name: string): boolean {
  return /(^|\.)(rotary_emb\.(inv_freq|cos_cached|sin_cached)|inv_freq|masked_bias|position_ids|num_batches_tracked|attn\.bias|attention\.bias)$/.test(
    name,
  );
}

/** The operands of an output tensor, `undefined` in the place of an input that does not have it. */
export function findOperands(slot: OutputSlot, heads: Heads): (Operand | undefined)[] {
  return slot.inputs.map((input, at) => {
    const name = slot.inputNames[at] ?? slot.name;
    const found = findOperand(input, name);
    if (!heads.head.has(slot.name) || (found && hasOwnHead(input.checkpoint))) return found;
    const { embedding } = embeddingNames(allTensors(input.checkpoint));
    const tied = isTied(allTensors(input.checkpoint), input.checkpoint.config) || found !== undefined;
    return embedding !== undefined && tied && heads.tie === false ? findOperand(input, embedding, name) : found;
  });
}

/** @param shown the name that filters test, where the bytes come from a tensor of another name. */
function findOperand(input: SliceInput, name: string, shown = name): Operand | undefined {
  const { tensors, adapter } = input.checkpoint;
  const own = tensors.get(name);
  const effect = adapter?.effects.get(name);
  const added = adapter?.added.get(name);
  if (effect?.kind === "replace" || (added && !own)) {
    const stored = effect?.kind === "replace" ? effect.tensor : (added as StoredTensor);
    const tensor = { stored, from: "adapter" } as const;
    return { input, name: shown, tensor, adapted: true, promotes: own?.dtype ?? storedAs(input, stored) };
  }
  if (!own) return undefined;
  if (!effect) {
    return { input, name: shown, tensor: { stored: own, from: "model" }, adapted: false, promotes: own.dtype };
  }
  const tensor: Located = effect.base ? { stored: effect.base, from: "adapter" } : { stored: own, from: "model" };
  return { input, name: shown, tensor, effect, adapted: true, promotes: own.dtype };
}

/** An added tensor counts as what the model's embedding is stored as, so that a float32 adapter widens nothing. */
function storedAs({ checkpoint }: SliceInput, stored: StoredTensor): StoredTensor["dtype"] {
  const { embedding } = embeddingNames(checkpoint.tensors);
  return (embedding === undefined ? undefined : checkpoint.tensors.get(embedding)?.dtype) ?? stored.dtype;
}
