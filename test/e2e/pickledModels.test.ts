// Models and adapters that torch.save wrote, through the whole command: what is merged and said of them is what is merged and
// said of the same in safetensors, to the byte.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { dict, global, storage, tensor, torchLegacy, torchZip } from "../hostile/pickles.js";
import { demoAdapter, demoModel, run } from "./command.js";

const addon = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "retemper-pickled-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLASSES: Readonly<Record<string, readonly [string, number]>> = {
  BF16: ["BFloat16Storage", 2],
  F32: ["FloatStorage", 4],
};

/** A copy of a folder whose safetensors file is one of torch's. */
function pickled(from: string, file: string, to: string, name: string, format: "zip" | "legacy"): string {
  const place = join(folder, to);
  cpSync(from, place, { recursive: true });
  const path = join(from, file);
  const header = addon.readHeader(path);
  const [type, width] = CLASSES[header.dtypes[0] as string] as readonly [string, number];
  const entries: Record<string, Buffer> = {};
  const storages: Record<string, Buffer> = {};
  for (const [i, tensorName] of header.names.entries()) {
    const shape = header.shapes[i] as readonly number[];
    const bytes = Buffer.from(addon.readBytes(path, header.begins[i] as number, header.ends[i] as number));
    const strides = shape.map((_, at) => shape.slice(at + 1).reduce((product, size) => product * size, 1));
    const held = storage(`${i}`, bytes.length / width, global("torch", type));
    entries[tensorName] = tensor(held, 0, shape, strides);
    storages[`k${i}`] = bytes;
  }
  const keyed = Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [key.slice(1), bytes]));
  rmSync(join(place, file));
  const whole = format === "zip" ? torchZip(dict(entries), keyed) : torchLegacy(dict(entries), keyed, width);
  writeFileSync(join(place, name), whole);
  return place;
}

describe("a model of torch.save", () => {
  const zipped = pickled(demoModel, "model.safetensors", "zip", "pytorch_model.bin", "zip");
  const legacy = pickled(demoModel, "model.safetensors", "legacy", "pytorch_model.bin", "legacy");
  const adapter = pickled(demoAdapter, "adapter_model.safetensors", "adapter", "adapter_model.bin", "zip");

  it("and its adapter give the merge that safetensors gives, to the byte", async () => {
    const merged = async (name: string, ...models: string[]) => {
      const recipe = join(folder, `${name}.json`);
      const weighed = models.map((model, i) => ({ model, parameters: { weight: 0.3 + i } }));
      writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models: weighed }));
      const out = join(folder, name);
      const { status, stderr } = await run(["merge", recipe, out]);
      expect(status, stderr).toBe(0);
      return readFileSync(join(out, "model.safetensors"));
    };
    const plain = await merged("plain", demoModel, `${demoModel}+${demoAdapter}`);
    expect((await merged("mixed", zipped, `${legacy}+${adapter}`)).equals(plain)).toBe(true);
  });

  it("is looked at and runs as in safetensors", async () => {
    const facts = await Promise.all(
      [zipped, demoModel].map(async (place) => (await run(["inspect", place, "--json"])).stdout),
    );
    const parsed = facts.map((one) => JSON.parse(one.trim().split("\n").at(-1) as string) as { parameters?: number });
    expect(facts[0]).toContain("pytorch_model.bin");
    expect(parsed[0]?.parameters).toBe(parsed[1]?.parameters);
    const answers = await Promise.all(
      [zipped, legacy, demoModel].map((place) =>
        run(["generate", place, "--prompt", "Hello", "--max-new-tokens", "4", "--engine", "native"]),
      ),
    );
    for (const { status, stdout, stderr } of answers) {
      expect(status, stderr).toBe(0);
      expect(stdout).toBe(answers[2]?.stdout);
    }
  });
});
