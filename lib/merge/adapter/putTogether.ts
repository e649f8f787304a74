// The file of an adapter and what its configuration says, from the pieces that steps made.

import { join } from "node:path";
import type { NativeFacts } from "../../addon/nativePlan.js";
import { packShards, type Shard, type ShardLayout } from "../../plan/shards.js";
import type { AdapterBase } from "./adapterBase.js";
import { adapterConfig } from "./adapterConfig.js";
import { ADAPTER_FILE } from "./adapterFile.js";
import type { AdapterPieces } from "./adapterWork.js";
import { assemble } from "./assemble.js";

export interface TogetherPut {
  readonly config: Readonly<Record<string, unknown>>;
  readonly layout: ShardLayout;
  readonly sha256: string;
  readonly facts: readonly NativeFacts[];
}

/** Writes the file of the tensors and syncs it; adapter_config.json is the caller's. @throws RetemperError IO, NO_SPACE */
export async function putTogether(
  folder: string,
  base: AdapterBase,
  steps: readonly Omit<AdapterPieces, "bytesRead">[],
  signal: AbortSignal | undefined,
): Promise<TogetherPut> {
  const tensors = steps.flatMap((step) => step.tensors).sort((a, b) => (a.name < b.name ? -1 : 1));
  const packed = packShards(tensors, Number.MAX_VALUE);
  const layout = { ...packed, shards: packed.shards.map((shard) => ({ ...shard, fileName: ADAPTER_FILE })) };
  const [shard] = layout.shards;
  const { sha256, nonFinite } = await assemble(join(folder, ADAPTER_FILE), shard as Shard, tensors, signal);
  const remainders = steps.flatMap((step) => step.remainders);
  const config = adapterConfig(base, {
    ranks: new Map(remainders.map(({ module, rank }) => [module, rank])),
    saved: new Set(steps.flatMap(({ saved }) => saved)),
    biases: steps.some(({ biases }) => biases),
    fanInFanOut: remainders.some(({ isTransposed }) => isTransposed),
  });
  const facts = tensors.map(({ name }, at): NativeFacts => ({ name, variant: 0, nonFinite: nonFinite[at] ?? 0 }));
  return { config, layout, sha256, facts };
}
