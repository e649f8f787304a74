// The control of a lower rank, against numpy's singular value decomposition (test/golden/controls/make.py).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import { readTensors } from "../../../../lib/checkpoint/tensorFile.js";
import { rankOf, writeTruncatedAdapter } from "../../../../lib/experiment/controls/truncatedAdapter.js";
import { type Dense, truncatedProduct } from "../../../../lib/merge/adapter/truncatedProduct.js";
import { widen } from "../../../../lib/nn/engines/reference/widen.js";

const folder = mkdtempSync(join(tmpdir(), "truncated-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly b: number[][];
  readonly a: number[][];
  readonly rank: number;
  readonly product: number[][];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../golden/controls/truncated.json", import.meta.url), "utf8"),
) as Case[];

const dense = (rows: number[][]): Dense => ({
  rows: rows.length,
  columns: rows[0]?.length ?? 0,
  values: Float32Array.from(rows.flat()),
});
const product = (b: Dense, a: Dense, i: number, j: number) => {
  let sum = 0;
  for (let k = 0; k < b.columns; k++) {
    sum += (b.values[i * b.columns + k] as number) * (a.values[k * a.columns + j] as number);
  }
  return sum;
};

describe("a truncated product", () => {
  it.each(golden.map((one, at) => [`case ${at + 1}, rank ${one.rank}`, one] as const))(
    "is numpy's: %s",
    (_, { b, a, rank, product: wanted }) => {
      const made = truncatedProduct(dense(b), dense(a), rank);
      const most = Math.max(...wanted.flat().map(Math.abs), 1e-30);
      const off = wanted.flatMap((row, i) =>
        row.map((value, j) => Math.abs(product(made.b, made.a, i, j) - value) / most),
      );
      expect(Math.max(...off)).toBeLessThan(1e-6);
      // of this rank, and no more
      expect([...made.b.values].every((value, at) => value === 0 || at % made.b.columns < rank)).toBe(true);
    },
  );
});

describe("an adapter of a lower rank", () => {
  const [aligned, adapter] = ["demo/model", "demo/adapters/seed-42"];

  it("is one that PEFT reads: the same keys, shapes and configuration, and another product", async () => {
    const tuned = `${aligned}+${adapter}`;
    expect(await rankOf(tuned)).toBe(8);
    const out = join(folder, "rank-2");
    await writeTruncatedAdapter(tuned, 2, out);
    expect(readFileSync(join(out, "adapter_config.json"))).toEqual(readFileSync(join(adapter, "adapter_config.json")));
    const [before, after] = [adapter, out].map((from) =>
      readTensors(join(from, "adapter_model.safetensors"), loadAddon(), widen),
    ) as [ReturnType<typeof readTensors>, ReturnType<typeof readTensors>];
    expect([...after].map(([name, { shape }]) => [name, shape])).toEqual(
      [...before].map(([name, { shape }]) => [name, shape]),
    );
    expect(await rankOf(`${aligned}+${out}`)).toBe(8); // by its shapes
    const key = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
    expect(after.get(key)?.values).not.toEqual(before.get(key)?.values);
    expect([...(after.get(key)?.values ?? [])].filter((_, at) => at % 8 >= 2).every((v) => v === 0)).toBe(true);
  });

  it("stays as it is at a rank that it has", async () => {
    const out = join(folder, "rank-8");
    await writeTruncatedAdapter(`${aligned}+${adapter}`, 8, out);
    const key = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight";
    const of = (from: string) => readTensors(join(from, "adapter_model.safetensors"), loadAddon(), widen).get(key);
    expect(of(out)).toEqual(of(adapter));
  });

  it("is refused of a whole model, with what to do", async () => {
    await expect(rankOf(aligned)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("whole model"),
      hint: "leave lower_rank out of controls",
    });
  });
});
