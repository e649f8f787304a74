// One spelling for all models of a merge: some checkpoints of an architecture leave a leading segment out (`h.0.…` for
// `transformer.h.0.…`), or call a layer norm's weight and bias gamma and beta, as TensorFlow's BERT did.

import { layerOf, mainStack } from "../checkpoint/families.js";
import type { Adapter, Checkpoint, StoredTensor } from "../checkpoint/types.js";
import type { ParsedRecipe } from "../recipe/types.js";
import { tensorNames } from "./layers.js";

type Rename = (name: string) => string;

/** The checkpoints under the names that the base model, else the first model, uses; those that agree stay the same. */
export function spellAlike(
  { baseModel }: ParsedRecipe,
  checkpoints: ReadonlyMap<string, Checkpoint>,
): ReadonlyMap<string, Checkpoint> {
  const [first] = checkpoints.values();
  const leader = (baseModel && checkpoints.get(baseModel.text)) ?? first;
  if (!leader) return checkpoints;
  const names = new Set(tensorNames(leader));
  const stack = mainStack(names)?.prefix ?? "";
  return new Map(
    [...checkpoints].map(([text, other]) => [text, other === leader ? other : respell(other, names, stack)]),
  );
}

function respell(checkpoint: Checkpoint, known: ReadonlySet<string>, stack: string): Checkpoint {
  const own = tensorNames(checkpoint);
  if (own.every((name) => known.has(name))) return checkpoint;
  const prefix = withPrefix(mainStack(own)?.prefix ?? "", stack, known);
  const rename: Rename = (name) => (known.has(name) ? name : normName(prefix(name), known));
  const renamed = own.map(rename);
  if (new Set(renamed).size < own.length || renamed.every((name, at) => name === own[at])) return checkpoint;
  const { adapter } = checkpoint;
  return {
    ...checkpoint,
    tensors: renameTensors(checkpoint.tensors, rename),
    ...(adapter && { adapter: renameAdapter(adapter, rename) }),
  };
}

/** Adds or takes away the segments that the layers of the leader have before their own, or lack. */
function withPrefix(own: string, stack: string, known: ReadonlySet<string>): Rename {
  const missing = stack.slice(0, stack.length - own.length);
  if (own !== "" && missing.endsWith(".") && stack.endsWith(own)) {
    return (name) => (known.has(missing + name) || layerOf(name)?.prefix === own ? missing + name : name);
  }
  const extra = own.slice(0, own.length - stack.length);
  if (stack !== "" && extra.endsWith(".") && own.endsWith(stack)) {
    return (name) => (name.startsWith(extra) ? name.slice(extra.length) : name);
  }
  return (name) => name;
}

const NORMS: readonly (readonly [RegExp, string])[] = [
  [/(LayerNorm\.)gamma$/, "$1weight"],
  [/(LayerNorm\.)beta$/, "$1bias"],
  [/(LayerNorm\.)weight$/, "$1gamma"],
  [/(LayerNorm\.)bias$/, "$1beta"],
];

function normName(name: string, known: ReadonlySet<string>): string {
  return (
    NORMS.map(([form, other]) => name.replace(form, other)).find((other) => other !== name && known.has(other)) ?? name
  );
}

function renameTensors(tensors: ReadonlyMap<string, StoredTensor>, rename: Rename): ReadonlyMap<string, StoredTensor> {
  return new Map([...tensors].map(([name, tensor]) => [rename(name), { ...tensor, name: rename(name) }]));
}

function renameAdapter(adapter: Adapter, rename: Rename): Adapter {
  return {
    ...adapter,
    effects: new Map([...adapter.effects].map(([name, effect]) => [rename(name), effect])),
    added: renameTensors(adapter.added, rename),
  };
}
