// The same bytes on a GPU as on the CPU: every method, stored dtype and kind of content, with blocks that do not come out
// even, several variants of parameters at once, one GPU and all.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dtype } from "../../lib/addon/dtype.js";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeMergeReport, NativeParams, NativePlan } from "../../lib/addon/nativePlan.js";
import { reason } from "./device.js";

const addon = loadAddon();
const SIZES = { BF16: 2, F16: 2, F32: 4, F64: 8 } as const;
/** Below a block, one block, blocks and a rest: small tensors stay on the CPU. */
const LENGTHS = [1000, 131_072, 131_073, 400_003];
const LONGEST = 400_003;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-gpu-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Content = "plain" | "ties" | "special";

/** A stream of numbers in [0, 1) (xorshift32). */
function stream(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function writeInput(number: number, dtype: keyof typeof SIZES, content: Content): string {
  const base = stream(77);
  const change = stream(number + 1);
  const special = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-42, 3e38];
  const values = Float64Array.from({ length: LONGEST }, (_, i) => {
    let x = (base() - 0.5) * 0.1;
    let d = (change() - 0.5) * 0.02;
    if (content === "ties") [x, d] = [Math.round(x * 256) / 256, Math.round(d * 1024) / 1024];
    const rare = content === "special" && i > 3000 && i < 150_000 && (i * number) % 29 === 7;
    return rare ? (special[i % special.length] as number) : number === 0 ? x : x + d;
  });
  const path = join(folder, `${dtype}-${content}-${number}.bin`);
  writeFileSync(path, new Uint8Array(encode(values, dtype).buffer));
  return path;
}

/** 16-bit values are cut from float32, bfloat16 by its upper half, float16 with an exponent that always fits. */
function encode(values: Float64Array, dtype: keyof typeof SIZES): Uint16Array | Float32Array | Float64Array {
  if (dtype === "F64") return values;
  const floats = Float32Array.from(values);
  if (dtype === "F32") return floats;
  const bits = new Uint32Array(floats.buffer);
  if (dtype === "BF16") return Uint16Array.from(bits, (word) => word >>> 16);
  return Uint16Array.from(bits, (word) => ((word >>> 16) & 0x8000) | (((word >>> 13) & 0x3fff) % 0x7c00));
}

function deltas(
  sparsifier: "none" | "magnitude" | "random" | "outliers" | "ranked",
  rescale: "none" | "l1" | "inverse_density",
  { election = false, normalize = false, lambda = 1, densities = [0.5, 0.03, 0.9] } = {},
): NativeParams {
  const weights = [0.5, -0.25, 0.75];
  const [gammas, epsilons] = [
    [0.05, 0.1, 0.02],
    [0.02, 0.02, 0.02],
  ];
  return {
    op: "task_arithmetic",
    sparsifier,
    rescale,
    election,
    normalize,
    lambda,
    weights,
    densities,
    gammas,
    epsilons,
  } as NativeParams;
}

const METHODS: readonly (readonly [name: string, sources: number, variants: readonly NativeParams[]])[] = [
  [
    "linear",
    3,
    [
      { op: "linear", weights: [0.2, 0.3, 0.4], normalize: true },
      { op: "linear", weights: [0.2, 0.3, 0.4], normalize: false },
    ],
  ],
  ["slerp", 2, [0, 0.3, 1].map((t) => ({ op: "slerp", t, threshold: 0.9995 }))],
  ["nuslerp", 3, [{ op: "nuslerp", weights: [0.3, 0.7], hasBase: true, axis: "flat" }]],
  ["multislerp", 3, [{ op: "multislerp", weights: [1, 2, 3], normalizeWeights: true, eps: 1e-8, hasBase: false }]],
  ["karcher", 3, [{ op: "karcher", maxIter: 10, tol: 1e-5 }]],
  ["model_stock", 4, [{ op: "model_stock", filterWise: false }]],
  ["nearswap", 2, [{ op: "nearswap", t: 0.001 }]],
  ["ram", 4, [{ op: "ram", epsilon: 1e-3, r: 0, alpha: 0 }]],
  ["ramplus", 4, [{ op: "ram", epsilon: 1e-3, r: 0.1, alpha: 0.2 }]],
  ["task_arithmetic", 4, [deltas("none", "none"), deltas("none", "none", { normalize: true, lambda: 0.7 })]],
  [
    "ties",
    4,
    [
      deltas("magnitude", "none", { election: true, normalize: true }),
      deltas("magnitude", "none", { election: true, lambda: 0.3, densities: [1, 0, 0.4] }),
    ],
  ],
  ["ties with L1", 4, [deltas("magnitude", "l1", { election: true, normalize: true })]],
  ["dare", 4, [deltas("random", "inverse_density"), deltas("random", "inverse_density", { election: true })]],
  ["dare with L1", 4, [deltas("random", "l1")]],
  ["breadcrumbs", 4, [deltas("outliers", "none")]],
  ["della", 4, [deltas("ranked", "inverse_density")]],
];

function planOf(
  [name, sources, variants]: (typeof METHODS)[number],
  files: readonly string[],
  stored: keyof typeof SIZES,
  out: keyof typeof SIZES,
): Omit<NativePlan, "outputs"> & { readonly size: number; readonly variants: number } {
  let size = 16;
  const tensors = LENGTHS.map((length) => {
    const offset = size;
    size += length * SIZES[out];
    return {
      name: `${name} of ${length}`,
      shape: [length],
      compute: stored === "F64" ? ("F64" as const) : ("F32" as const),
      outDtype: out as Dtype,
      sources: Array.from({ length: sources }, (_, input) => ({
        parts: [{ input, offset: 0, dtype: stored as Dtype, count: length, rows: length, cols: 1 }],
      })),
      modelKeys: Array.from({ length: sources }, (_, key) => key),
      variants: variants.map((params, output) => ({ output, offset, params })),
    };
  });
  const inputs = files.slice(0, sources).map((path) => {
    const { size, ino, mtimeNs } = statSync(path, { bigint: true });
    return { path, size: Number(size), inode: String(ino), mtimeNs: String(mtimeNs) };
  });
  const rest = { seed: 7, threads: 4, maxMemory: 0, reading: "auto" as const, fsync: false };
  return { inputs, tensors, ...rest, size, variants: variants.length };
}

async function run(
  { size, variants, ...plan }: ReturnType<typeof planOf>,
  device: Pick<NativePlan, "device" | "multiGpu">,
): Promise<NativeMergeReport> {
  const header = new Uint8Array(16).fill(0x20);
  const paths = Array.from({ length: variants }, (_, i) => join(folder, `out-${i}.bin`));
  for (const path of paths) rmSync(path, { force: true });
  const report = await addon.merge({ ...plan, ...device, outputs: paths.map((path) => ({ path, size, header })) })
    .promise;
  const digests = paths.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
  expect(report.sha256).toEqual(digests);
  return report;
}

describe.skipIf(reason !== undefined)("on a GPU", () => {
  const kinds = [
    ["BF16", "BF16", "plain"],
    ["F32", "F32", "ties"],
    ["F16", "F32", "plain"],
    ["F32", "F16", "special"],
    ["F64", "BF16", "special"],
  ] as const;
  describe.each(kinds)("%s to %s, %s values", (stored, out, content) => {
    let files: string[] = [];
    beforeAll(() => {
      files = [0, 1, 2, 3].map((number) => writeInput(number, stored, content));
    });

    it.each(METHODS)("%s writes the bytes that the CPU writes", async (...method) => {
      const plan = planOf(method, files, stored, out);
      const onCpu = await run(plan, { device: "cpu" });
      const [name] = method;
      for (const multiGpu of [false, true]) {
        const onGpu = await run(plan, { device: "cuda", multiGpu });
        expect(onGpu.sha256).toEqual(onCpu.sha256);
        expect(onGpu.facts).toEqual(onCpu.facts);
        expect(onGpu.device?.tensors).toBe(name === "della" ? 0 : LENGTHS.length - 1);
      }
    });
  });
});
