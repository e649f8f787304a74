import { expect, it } from "vitest";
import { freeGpuMemory } from "../../../../lib/nn/memory/gpuMemory.js";

const table = "0, GPU-11aa, 81000\n1, GPU-22bb, 40000\n2, GPU-33cc, 60000\n";
const MiB = 2 ** 20;

it.each([
  ["all", undefined, 40000],
  ["one by its number", "2", 60000],
  ["two", "0, 2", 60000],
  ["one by the beginning of its name", "GPU-11", 81000],
])("is the least of the GPUs that are seen: %s", (_, visible, free) => {
  expect(freeGpuMemory(visible, () => table)).toBe(free * MiB);
});

it("is not known where no GPU is seen or nothing can be asked", () => {
  expect(freeGpuMemory("-1", () => table)).toBeUndefined();
  expect(freeGpuMemory("", () => table)).toBeUndefined();
  expect(freeGpuMemory(undefined, () => undefined)).toBeUndefined();
  expect(freeGpuMemory(undefined, () => "No devices were found")).toBeUndefined();
});
