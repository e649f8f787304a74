// What a plan reads of methods that read their models before they merge: values that are not finite show it, for whoever reads them refuses.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { plan } from "../../../lib/merge/plan.js";
import { writeSafetensors } from "../../differential/safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-plan-prepared-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const UP = "model.layers.0.mlp.up_proj.weight";

function write(name: string, values: readonly number[]): string {
  const place = join(folder, name);
  mkdirSync(place);
  const config = { model_type: "llama", architectures: ["LlamaForCausalLM"] };
  writeFileSync(join(place, "config.json"), JSON.stringify(config));
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  writeSafetensors(join(place, "model.safetensors"), [{ name: UP, dtype: "F32", shape: [2, 2], bytes }], 8, 0);
  return place;
}

it("a plan reads tensors only of methods with gates", async () => {
  const [aligned, tuned] = [write("aligned", [1, 0, 0, 1]), write("tuned", [1, 2, 0, 1])];
  const unaligned = write("unaligned", [Number.NaN, 0, 0, 0]);
  const recipe = (merge_method: string) => ({
    ...{ merge_method, base_model: aligned, unaligned_model: unaligned },
    models: [{ model: tuned }],
  });
  const { files, gates, warnings } = await plan(recipe("lssf"));
  expect(files.map(({ path }) => path)).toEqual(["model.safetensors"]);
  expect([gates, warnings]).toEqual([undefined, []]);
  await expect(plan(recipe("safe_lora"))).rejects.toMatchObject({ code: "BAD_INPUT" });
});
