// Which tensors an adapter out of a merge has, and what each is made of; what an adapter cannot hold is refused by name.

import { parseAdapterKey } from "../../checkpoint/adapterKeys.js";
import { embeddingNames, isTied } from "../../checkpoint/families.js";
import { listing } from "../../checkpoint/listing.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { Prepared } from "../prepare.js";
import type { AdapterBase } from "./adapterBase.js";
import type { AdapterPlan, LowRankTensor, WholeTensor } from "./plannedAdapter.js";
import { runningNames } from "./runningNames.js";
import { isLayerMatrix, type TensorChange, type Term, tensorChange } from "./tensorChange.js";

/**
 * @param approximates true where a rank was given: what is no sum of low-rank terms is approximated
 * @throws RetemperError USAGE for what an adapter cannot hold, all tensors in one error; INCOMPATIBLE for other shapes
 */
export function adapterPlan(
  prepared: Prepared,
  base: AdapterBase,
  files: InputFiles,
  approximates: boolean,
): AdapterPlan {
  const { built, models, recipe } = prepared;
  if (prepared.vocabulary.plan) throw cannot("its vocabulary is another one than the base's (tokenizer)", true);
  if (recipe.modules.some(({ whole }) => !whole))
    throw cannot("it puts layers together in another order (slices)", true);
  const { checkpoint } = base;
  const running = runningNames(checkpoint);
  const { embedding } = embeddingNames(checkpoint.tensors);
  const tied = isTied(checkpoint.tensors, checkpoint.config);
  const lowRank: LowRankTensor[] = [];
  const whole: WholeTensor[] = [];
  const refused: string[] = [];
  const others: string[] = [];
  const unties = built.tensors.some(({ name }) => !checkpoint.tensors.has(name) && HEAD.test(name));
  for (const draft of built.tensors) {
    const { name, shape } = draft;
    const change = tensorChange(draft, built.inputs, base, models.checkpoints);
    if (change.kind === "none") continue;
    const stored = checkpoint.tensors.get(name);
    if (stored ? String(stored.shape) !== String(shape) : !HEAD.test(name)) {
      others.push(
        stored
          ? `${name} is [${shape.join(", ")}], in the base [${stored.shape.join(", ")}]`
          : `${name} is not in the base`,
      );
      continue;
    }
    // The live adapter of a tied embedding would change one of its two uses alone.
    const shared = tied && name === embedding && !unties;
    if (change.kind === "terms" && !shared) lowRank.push(joined(draft, change.terms));
    else if (change.kind === "other" && !change.saved && !approximates) refused.push(`${name}: ${change.why}`);
    else if (change.kind === "other" && !change.saved && isLayerMatrix(name, shape)) {
      lowRank.push(approximated(draft, change, running(name), checkpoint));
    } else {
      const head = shared ? ["lm_head.weight"] : [];
      const source = change.kind === "other" ? change.source : undefined;
      whole.push({ draft, source, targets: [savedName(draft, models.checkpoints) ?? running(name), ...head], stored });
    }
  }
  if (others.length > 0) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `the result has other tensors than ${base.reference.text}:${listing(others)}`,
      {
        file: checkpoint.folder,
        hint: "an adapter changes the tensors of its base; leave --format adapter (format) out to write a whole checkpoint",
      },
    );
  }
  if (refused.length > 0)
    throw cannot(`${refused.length} of its changes are of no low rank:${listing(refused)}`, false);
  return { base, files, lowRank, whole };
}

const HEAD = /(^|\.)(lm_head|embed_out|output_layer)\.weight$/;

function joined(draft: DraftTensor, terms: readonly Term[]): LowRankTensor {
  const [first] = terms as readonly [Term];
  const key = parseAdapterKey(first.a.name);
  if (key.kind !== "factor") throw new RetemperError("INTERNAL", `${first.a.name} is no factor of an adapter`);
  const { name, shape } = draft;
  const { module, role } = key;
  const { transposed } = first;
  return { name, shape, module, isEmbedding: role === "embeddingA", transposed, terms, draft, source: undefined };
}

function approximated(
  draft: DraftTensor,
  { source }: TensorChange & { readonly kind: "other" },
  running: string,
  { config }: Checkpoint,
): LowRankTensor {
  const { name, shape } = draft;
  const module = running.replace(/\.weight$/, "");
  return {
    name,
    shape,
    module,
    isEmbedding: false,
    transposed: isConv1d(name, config),
    terms: undefined,
    draft,
    source,
  };
}

/** GPT-2's layers, whose weights are stored [in, out]. */
export function isConv1d(name: string, { model_type: type }: Checkpoint["config"]): boolean {
  return (
    ["gpt2", "openai-gpt", "imagegpt", "decision_transformer"].includes(String(type)) &&
    /(^|\.)(c_attn|c_proj|c_fc|q_attn)\.weight$/.test(name)
  );
}

/** What the adapter that holds the tensor whole calls it. */
function savedName({ name, models }: DraftTensor, checkpoints: ReadonlyMap<string, Checkpoint>): string | undefined {
  for (const model of models) {
    const adapter = checkpoints.get(model)?.adapter;
    const effect = adapter?.effects.get(name);
    const saved = effect?.kind === "replace" ? effect.tensor : adapter?.added.get(name);
    const key = saved && parseAdapterKey(saved.name);
    if (key?.kind === "saved") return key.name;
  }
  return undefined;
}

/** @param always a rank does not help */
export function cannot(why: string, always: boolean): RetemperError {
  return new RetemperError("USAGE", `an adapter cannot hold this merge exactly: ${why}`, {
    hint: always
      ? "leave --format adapter (format) out to write a whole checkpoint"
      : "give --rank R (rank) for the nearest adapter of that rank, or write the merge and let `retemper extract BASE MERGE OUT` make one",
  });
}
