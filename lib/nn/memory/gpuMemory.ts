// How many bytes are free on the GPU that computes.

import { spawnSync } from "node:child_process";

const QUERY = ["--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"];
const MEBIBYTE = 2 ** 20;

/**
 * Asks the driver's tool. Of several GPUs that `visible` (CUDA_VISIBLE_DEVICES) leaves, the one with the least: which one is
 * used is not told here. Undefined where the tool is missing or says something else.
 */
export function freeGpuMemory(
  visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
  ask: () => string | undefined = askDriver,
): number | undefined {
  const gpus = (ask() ?? "").split("\n").flatMap((line) => {
    const [index, uuid, free] = line.split(",").map((part) => part.trim());
    return index && uuid && free && /^\d+$/.test(free) ? [{ index, uuid, free: Number(free) * MEBIBYTE }] : [];
  });
  const names = visible?.split(",").map((name) => name.trim());
  const seen = names
    ? gpus.filter(({ index, uuid }) =>
        names.some((name) => name === index || (name.length > 4 && uuid.startsWith(name))),
      )
    : gpus;
  return seen.length > 0 ? Math.min(...seen.map(({ free }) => free)) : undefined;
}

function askDriver(): string | undefined {
  const { status, stdout } = spawnSync("nvidia-smi", QUERY, { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? stdout : undefined;
}
