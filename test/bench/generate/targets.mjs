// Instruction sets that the benchmarks of generation and tuning hold everyone to: ours by RETEMPER_FORCE_TARGET, transformers by the settings of
// oneDNN, MKL and PyTorch, llama.cpp by the builds of its CPU part that it finds.

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchFolder } from "../models.mjs";

const addon = fileURLToPath(new URL("../../../build/Release/retemper.node", import.meta.url));

/** By our name: what oneDNN, PyTorch and MKL call it, and llama.cpp's builds that use no more (undefined: all of them). */
const TARGETS = {
  avx2: { oneDnn: "AVX2", torch: "avx2", mkl: "AVX2", builds: ["x64", "sse42", "sandybridge", "ivybridge", "haswell"] },
  avx512: { oneDnn: "AVX512_CORE", torch: "avx512", mkl: "AVX512", builds: ["x64", "haswell", "skylakex"] },
  avx512_bf16: { oneDnn: "AVX512_CORE_BF16", torch: "avx512", mkl: "AVX512", builds: ["x64", "cooperlake", "zen4"] },
  amx: { oneDnn: "AVX512_CORE_AMX", torch: "avx512", mkl: "AVX512", builds: undefined },
};

/** @param {string} name "best" (nobody is held to anything), or an instruction set */
export function checkTarget(name) {
  if (name !== "best" && !(name in TARGETS)) {
    throw new Error(`--targets knows best, ${Object.keys(TARGETS).join(", ")}, not ${name}`);
  }
}

/** Whether this processor has it: our engine opens with it. */
export function hasTarget(name) {
  const script = `require(${JSON.stringify(addon)}).openRuntime({ threads: 1, precision: "bfloat16" }).close()`;
  return spawnSync(process.execPath, ["-e", script], { env: { ...process.env, ...environmentOf(name) } }).status === 0;
}

/** Of all engines' processes. */
export function environmentOf(name) {
  if (name === "best") return {};
  const { oneDnn, torch, mkl } = TARGETS[name];
  return {
    RETEMPER_FORCE_TARGET: name,
    ONEDNN_MAX_CPU_ISA: oneDnn,
    DNNL_MAX_CPU_ISA: oneDnn,
    ATEN_CPU_CAPABILITY: torch,
    MKL_ENABLE_INSTRUCTIONS: mkl,
  };
}

/** A copy of node-llama-cpp's folder with those builds alone that may be used; the folder itself for all of them. */
export function heldLlamaCpp(folder, name) {
  const builds = TARGETS[name]?.builds;
  if (!builds) return folder;
  const held = `${folder}-${name}`;
  if (existsSync(held)) return held;
  rmSync(`${held}.part`, { recursive: true, force: true });
  cpSync(folder, `${held}.part`, { recursive: true, verbatimSymlinks: true });
  const binaries = join(`${held}.part`, "node_modules", "@node-llama-cpp", "linux-x64", "bins", "linux-x64");
  for (const file of readdirSync(binaries)) {
    const build = /^libggml-cpu-(\w+)\.so$/.exec(file)?.[1];
    if (build && !builds.includes(build)) rmSync(join(binaries, file));
  }
  renameSync(`${held}.part`, held);
  return held;
}

/** The processor's name; of x86 with family and model, since virtual machines shorten names. */
export function processor() {
  const name = cpus()[0]?.model.trim() ?? "unknown processor";
  const info = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const [family, model] = ["cpu family", "model"].map((key) => new RegExp(`^${key}\\s*: (\\d+)`, "m").exec(info)?.[1]);
  return family && model ? `${name}, family ${family}, model ${model}` : name;
}

/** GB/s of STREAM's kernels and of reading, by kernel: see stream.c. */
export function memorySpeeds(threads) {
  const program = join(benchFolder(), "stream");
  mkdirSync(benchFolder(), { recursive: true });
  const source = fileURLToPath(new URL("stream.c", import.meta.url));
  execFileSync(process.env.CC ?? "cc", ["-O3", "-march=native", "-pthread", "-o", program, source]);
  return JSON.parse(execFileSync(program, [String(threads)], { encoding: "utf8" }));
}
