// The checkpoints that the benchmarks merge: synthetic, seeded, made once and kept.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { LLAMA_1B, LLAMA_8B, makeLargeModels } from "../../scripts/makeLargeModel.mjs";

const SIZES = {
  tiny: { layers: 2, hidden: 256, intermediate: 1024, kv: 64, vocab: 4096, seed: 1 },
  "140m": { layers: 12, hidden: 768, intermediate: 3072, kv: 256, vocab: 32768, seed: 1 },
  "1b": LLAMA_1B,
  "8b": { ...LLAMA_8B, sparse: true },
};

/** Where benchmarks keep their models and outputs: RETEMPER_BENCH_DIR, else a cache folder of the user. */
export function benchFolder() {
  const folder = process.env.RETEMPER_BENCH_DIR ?? join(homedir(), ".cache", "retemper-bench");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * The base and three tuned models of a size.
 * @param {"tiny" | "140m" | "1b" | "8b"} size
 * @returns {string[]} four folders, the base first
 */
export function benchModels(size) {
  const shape = SIZES[size];
  if (!shape) throw new Error(`--size is one of ${Object.keys(SIZES).join(", ")}`);
  const folder = join(benchFolder(), `models-${size}`);
  const models = ["base", "tuned-1", "tuned-2", "tuned-3"].map((name) => join(folder, name));
  if (!existsSync(folder)) {
    console.error(`making the ${size} models in ${folder} …`);
    rmSync(`${folder}.part`, { recursive: true, force: true });
    makeLargeModels(`${folder}.part`, shape, 3);
    renameSync(`${folder}.part`, folder);
  }
  return models;
}

/** The weight files of a model. */
export function weightFiles(model) {
  return readdirSync(model)
    .filter((name) => name.endsWith(".safetensors"))
    .map((name) => join(model, name));
}

export function weightBytes(model) {
  return weightFiles(model).reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Reads the files once, so that every run finds them in the page cache. */
export function warm(models) {
  execFileSync("sh", ["-c", 'cat "$@" > /dev/null', "sh", ...models.flatMap(weightFiles)]);
}
