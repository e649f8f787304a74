// The low-rank part of a change, tensor by tensor, as an adapter of PEFT on the model that it is added to.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { embeddingNames } from "../../checkpoint/families.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterBase } from "../adapter/adapterBase.js";
import { isConv1d } from "../adapter/adapterPlan.js";
import type { FactorRemainder } from "../adapter/adapterWork.js";
import type { KeptTensor } from "../adapter/assemble.js";
import { type Factoring, ofTensor } from "../adapter/factorsOf.js";
import { keptFactors } from "../adapter/keepFactors.js";
import { putTogether } from "../adapter/putTogether.js";
import { runningNames } from "../adapter/runningNames.js";
import { ScratchFile } from "../adapter/scratchFile.js";
import { matrixPlan } from "./matrixPlan.js";
import type { PrepareOptions } from "./types.js";

/**
 * Writes the adapter into a folder that it makes.
 * @param changes matrices, by the names of the base's tensors
 * @param rule which rank each one gets
 * @returns the bytes written; 0 where nothing changes, and then there is no folder
 * @throws RetemperError BAD_INPUT that names the tensor, for values that are not finite; IO, NO_SPACE
 */
export async function writeLowRankPart(
  out: string,
  base: AdapterBase,
  changes: readonly DraftTensor[],
  files: InputFiles,
  rule: Pick<Factoring, "rank" | "entropy">,
  options: PrepareOptions,
): Promise<number> {
  const { addon, threads = 0, signal } = options;
  const { checkpoint } = base;
  await mkdir(out).catch((error: unknown) => {
    throw ioError(error, out, "cannot make a folder");
  });
  const scratch = await ScratchFile.open(join(out, "factors"));
  const tensors: KeptTensor[] = [];
  const remainders: FactorRemainder[] = [];
  try {
    const total = changes.reduce((sum, draft) => sum + 4 * elementsOf(draft), 0);
    let done = 0;
    for (const draft of changes) {
      signal?.throwIfAborted();
      const { name, shape } = draft;
      const tensor = { ...placeOf(name, checkpoint), name, shape, terms: undefined };
      const plan = matrixPlan([draft], files.list);
      const { rows, cols } = matrixOf(shape);
      const { transposed } = tensor;
      // They may be as large as the matrix, and JavaScript gives memory back late: it never has them.
      const request = {
        ...{ plan, entropy: rule.entropy, rank: rule.rank ?? Math.min(rows, cols), threads },
        into: { ...scratch.end(), transposed },
      };
      const factors = await runJob(() => addon.factorise(request), { signal }).catch((error: unknown) => {
        throw ofTensor(error, name);
      });
      done += 4 * elementsOf(draft);
      options.onProgress?.({ done, total });
      const { rank } = factors;
      if (rank === 0) continue;
      const [inputs, outputs] = transposed ? [rows, cols] : [cols, rows];
      const lengths = { a: { length: rank * inputs }, b: { length: rank * outputs } };
      const [a, b] = [scratch.reserve(lengths.a.length), scratch.reserve(lengths.b.length)];
      const read = [async () => a.pieces(), async () => b.pieces()] as const;
      const kept = keptFactors(tensor, { ...factors, ...lengths }, read);
      tensors.push(...kept.tensors);
      remainders.push(kept.remainder);
    }
    if (tensors.length === 0) return 0;
    const pieces = { tensors, remainders, whole: [], saved: [], biases: false };
    const { config, layout } = await putTogether(out, base, [pieces], signal);
    const text = `${JSON.stringify(config, undefined, 2)}\n`;
    await writeFile(join(out, "adapter_config.json"), text).catch((error: unknown) => {
      throw ioError(error, join(out, "adapter_config.json"), "cannot write");
    });
    return layout.shards.reduce((sum, { size }) => sum + size, 0) + text.length;
  } finally {
    await scratch.close().catch(() => {});
    await rm(join(out, "factors"), { force: true }).catch(() => {});
    if (tensors.length === 0) await rm(out, { recursive: true, force: true }).catch(() => {});
  }
}

/** What PEFT calls the module, and whether its product is the transpose of what is stored. */
function placeOf(name: string, checkpoint: Checkpoint) {
  const isEmbedding =
    name === embeddingNames(checkpoint.tensors).embedding || /(^|\.)(wpe|embed_positions)\.weight$/.test(name);
  const module = runningNames(checkpoint)(name).replace(/\.weight$/, "");
  return { module, isEmbedding, transposed: isEmbedding || isConv1d(name, checkpoint.config) };
}
