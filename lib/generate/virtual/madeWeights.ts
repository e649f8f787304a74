// Weights that opening a model puts into blocks, kept on disk: under a digest of all that they are made of, whole or not at all.

import { createHash } from "node:crypto";
import { join, sep } from "node:path";
import { runJob } from "../../addon/job.js";
import { loadAddon } from "../../addon/load.js";
import { RetemperError } from "../../errors.js";
import { readIfThere } from "../../files/readIfThere.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";
import type { HeldFile } from "../../nn/engines/native/startNative.js";
import { openStaging } from "../../output/openStaging.js";

/** Another number for other bytes of the same merge: what older versions made is then not read. */
const FORMAT = 1;

const BLOCKS = "blocks";
const ENTRY = "entry.json";

export interface MadeWeights {
  /** Where the weights are, or are to be written. Absent: another process is making them, and they are not kept here. */
  readonly file?: HeldFile | undefined;
  /** Once they were made: gives them their name. */
  keep(): Promise<void>;
  /** Removes what is unfinished. */
  close(): Promise<void>;
}

/**
 * Looks for what a merge has in blocks, and checks its bytes.
 * @param folder the cache; made where it is missing
 * @throws RetemperError IO, NO_SPACE
 */
export async function madeWeights(folder: string, merge: VirtualMerge): Promise<MadeWeights> {
  const nothing = { keep: async () => {}, close: async () => {} };
  // Inputs that were made for this opening have another identity each time.
  if (merge.plan.inputs.some(({ path }) => path.startsWith(merge.folder + sep))) return nothing;
  const place = join(folder, keyOf(merge));
  if (await isWhole(place)) return { ...nothing, file: { path: join(place, BLOCKS), isThere: true } };
  // What has the name by then is damaged, or the same.
  const staging = await openStaging(place, { force: true }).catch((error) => {
    if (error instanceof RetemperError && error.code === "OUTPUT_EXISTS") return undefined;
    throw error;
  });
  if (!staging) return nothing;
  const path = join(staging.folder, BLOCKS);
  return {
    file: { path, isThere: false },
    async keep() {
      const entry = { format: FORMAT, sha256: await digestOf(path), weights: merge.quantised, recipe: merge.recipe };
      await writeWhole(join(staging.folder, ENTRY), `${JSON.stringify(entry)}\n`);
      await staging.publish();
    },
    close: () => staging.close(),
  };
}

/** Of the plan, which names inputs by path, size, inode and time of change; threads decide nothing. */
function keyOf({ plan: { threads: _, ...plan }, fidelity }: VirtualMerge): string {
  const versions = [FORMAT, loadAddon().describe().version];
  const text = JSON.stringify([versions, fidelity, plan], (_key, value) =>
    value instanceof Uint32Array ? sha256(value) : value,
  );
  return sha256(text);
}

const sha256 = (data: string | Uint32Array) => createHash("sha256").update(data).digest("hex");

/** What is not is made again: also where a file is missing. */
async function isWhole(place: string): Promise<boolean> {
  const text = await readIfThere(join(place, ENTRY), { most: 2 ** 24, what: "an entry of the cache" });
  if (text === undefined) return false;
  try {
    const { format, sha256 } = JSON.parse(text) as { readonly format?: unknown; readonly sha256?: unknown };
    return format === FORMAT && sha256 === (await digestOf(join(place, BLOCKS)));
  } catch {
    return false;
  }
}

async function digestOf(path: string): Promise<string> {
  const [digest] = await runJob(() => loadAddon().hashFiles([path]));
  return digest as string;
}
