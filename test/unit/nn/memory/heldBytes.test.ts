// What a merge is reckoned to take before it is opened.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type VirtualMerge, virtualMerge } from "../../../../lib/merge/virtualMerge.js";
import { heldBytes, mergeBytes } from "../../../../lib/nn/virtual/heldBytes.js";
import { modelFolder } from "../../../golden/generate/modelFolders.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-held-bytes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const base = modelFolder("llama");

function opened(adapter: string, options: Parameters<typeof virtualMerge>[2]): Promise<VirtualMerge> {
  const tuned = `${base}+${join(import.meta.dirname, "../../../golden/lora/adapters", adapter)}`;
  const recipe = { merge_method: "linear", models: [{ model: base }, { model: tuned }] };
  return virtualMerge(recipe, mkdtempSync(join(folder, "merge-")), options);
}

const lambdas = [0, 0.4, 0.7, 1];

const bytesOf = ({ tensors }: VirtualMerge, wanted = /./) =>
  tensors.reduce((sum, { name, bytes }) => sum + (wanted.test(name) ? bytes : 0), 0);

describe("the memory of a merge in blocks", () => {
  it("has the inputs' blocks once and copies of adapters' factors, where products are summed", async () => {
    const merge = await opened("all_linear_r8", { lambdas, quantise: "q8_0" });
    const blocks = bytesOf(merge) + 3 * bytesOf(merge, /norm/);
    expect(heldBytes(merge)).toBe(blocks);
    const sides = merge.tensors.flatMap(({ name, shape }) => (/_proj/.test(name) ? shape : []));
    const factors = sides.reduce((sum, length) => sum + 4 * 8 * length, 0);
    expect(mergeBytes(merge, true)).toBe(blocks + factors);
    const files = merge.files.reduce((sum, { size }) => sum + size, 0);
    expect(mergeBytes(merge, false)).toBe(files + factors);
  });

  it("has what is no sum once for each lambda", async () => {
    const merge = await opened("dora_r4", { lambdas, quantise: "q8_0" });
    expect(heldBytes(merge)).toBe(bytesOf(merge) + 3 * bytesOf(merge, /norm|(up|q|v)_proj/));
  });

  it("has a copy for each lambda with fidelity exact", async () => {
    const merge = await opened("all_linear_r8", { lambdas, quantise: "q8_0", fidelity: "exact" });
    expect(heldBytes(merge)).toBe(4 * bytesOf(merge));
    expect(mergeBytes(merge, true)).toBe(heldBytes(merge));
  });
});
