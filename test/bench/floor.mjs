// The floor: what the machine takes to read the inputs to nowhere and to write the output's bytes, preallocated and
// flushed, with nothing computed in between. No merge that writes a checkpoint can be faster than about that.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { weightFiles } from "./models.mjs";

/**
 * @param {string[]} models the inputs
 * @param {number} bytes of one output
 * @param {string} path scratch file; removed
 * @param {number} [outputs] how many outputs are written
 * @returns {number} seconds
 */
export function floorSeconds(models, bytes, path, outputs = 1) {
  const started = performance.now();
  execFileSync("sh", ["-c", 'cat "$@" > /dev/null', "sh", ...models.flatMap(weightFiles)]);
  for (let k = 0; k < outputs; k++) {
    const file = `${path}.${k}`;
    execFileSync("fallocate", ["-l", String(bytes), file]);
    const blocks = Math.ceil(bytes / (1 << 20));
    execFileSync("dd", ["if=/dev/zero", `of=${file}`, "bs=1M", `count=${blocks}`, "conv=notrunc,fsync", "status=none"]);
  }
  const seconds = (performance.now() - started) / 1000;
  for (let k = 0; k < outputs; k++) rmSync(`${path}.${k}`, { force: true });
  return seconds;
}
