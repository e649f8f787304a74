// What happens to what was there: outputs that are replaced, disks that fill up, threads that are busy.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { settingsOf } from "../../../lib/tune/settings.js";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneOptions } from "../../../lib/tune/types.js";

const MODEL = new URL("../../golden/models/llama", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "replace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = Array.from({ length: 8 }, (_, i) => ({
  inputIds: Array.from({ length: 6 + i }, (__, j) => (i * 31 + j * 17) % 400),
  promptLength: 3,
}));
const options: TuneOptions = {
  ...{ rank: 4, learningRate: 5e-3, batchSize: 2, epochs: 3, saveSteps: 2, engine: "native", threads: 1 },
};
const adapter = (out: string) => readFileSync(join(out, "adapter_model.safetensors"));
const stopAfter = (step: number) => {
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }) => {
    if (done === step) controller.abort();
  };
  return { signal: controller.signal, onProgress };
};

describe("an output that is replaced", () => {
  it("is there until the new one is whole, and is gone then", async () => {
    const out = join(folder, "out");
    await tune(MODEL, rows, out, options);
    const before = adapter(out);
    const wild = { ...options, force: true, learningRate: 1e30, maxGradNorm: 0 };
    await expect(tune(MODEL, rows, out, wild)).rejects.toMatchObject({ code: "DIVERGED" });
    expect(adapter(out).equals(before)).toBe(true);

    const other = { ...options, seed: 7 };
    const stopped = tune(MODEL, rows, out, { ...other, force: true, ...stopAfter(3) });
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
    expect(adapter(out).equals(before)).toBe(true);

    const { adapter: place } = await tune(MODEL, rows, out, { ...other, resume: true });
    await tune(MODEL, rows, join(folder, "fresh"), other);
    expect(place).toBe(out);
    expect(adapter(out).equals(adapter(join(folder, "fresh")))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["fresh", "out"]);
  });

  it("comes back where a run was killed between its two renames", async () => {
    const out = join(folder, "lost");
    const aside = join(folder, ".lost.tuning-old");
    await tune(MODEL, rows, aside, options);
    const before = adapter(aside);
    await expect(tune(MODEL, rows, out, options)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(adapter(out).equals(before)).toBe(true);
    expect(existsSync(aside)).toBe(false);
  });
});

describe("a disk that is full", () => {
  it("ends the training and keeps the last good checkpoint", async ({ skip }) => {
    const small = join(folder, "small");
    mkdirSync(small);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=768k", "tmpfs", small], { stdio: "ignore" });
    } catch {
      skip("mounting a small file system needs more rights than this run has");
    }
    try {
      const out = join(small, "out");
      const run = tune(MODEL, rows, out, { ...options, rank: 8, saveSteps: 1, epochs: 20 });
      await expect(run).rejects.toMatchObject({ code: "NO_SPACE", hint: expect.stringContaining("--resume") });
      const last = readdirSync(out).filter((name) => name.startsWith("checkpoint-"));
      expect(last.length).toBeGreaterThan(0);
      expect(readdirSync(out).some((name) => name.includes("partial"))).toBe(false);
      const resumable = last.filter((name) => existsSync(join(out, name, "training_state.safetensors")));
      expect(resumable.length).toBe(1);
      for (const name of last) expect(existsSync(join(out, name, "adapter_config.json"))).toBe(true);
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

describe("the caller", () => {
  it("is free while the model is trained", async () => {
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const seen: number[] = [];
    await tune(MODEL, rows, join(folder, "free"), {
      ...options,
      epochs: 12,
      onProgress: () => seen.push(turns),
    });
    clearInterval(counting);
    // were it done on this thread, no timer would run between two steps
    expect(new Set(seen).size).toBeGreaterThan(5);
  });

  it("whose onProgress throws gets that error, and a checkpoint", async () => {
    const failure = new Error("mine");
    const onProgress = () => {
      throw failure;
    };
    const out = join(folder, "throws");
    await expect(tune(MODEL, rows, out, { ...options, epochs: 300, saveSteps: 0, onProgress })).rejects.toBe(failure);
    expect(readdirSync(out).some((name) => name.startsWith("checkpoint-"))).toBe(true);
  });

  it("gets what a row or an option is wrong with as if there were no thread", async () => {
    const file = join(folder, "rows.jsonl");
    writeFileSync(file, '{"prompt": "a", "response": "b"}\n{"prompt": "a", "response": ""}\n');
    await expect(tune(MODEL, file, join(folder, "bad"), options)).rejects.toMatchObject({ code: "BAD_INPUT", line: 2 });
    await expect(tune(MODEL, rows, join(folder, "bad"), { ...options, rank: 0 })).rejects.toMatchObject({
      code: "USAGE",
    });
    expect(existsSync(join(folder, "bad"))).toBe(false);
  });
});

describe("the preset paper", () => {
  it("ends where the paper took its checkpoint, by task, on a schedule over all epochs", () => {
    expect(settingsOf({ preset: "paper" })).toMatchObject({ stopAfter: 500, epochs: 3, batchSize: 8, validation: 0.1 });
    expect(settingsOf({ preset: "paper", task: "tools" })).toMatchObject({ stopAfter: 200, maxSteps: undefined });
    expect(settingsOf({ preset: "paper", task: "code" }).stopAfter).toBe(500);
    expect(settingsOf({ preset: "paper", task: "tools", stopAfter: 100 }).stopAfter).toBe(100);
    expect(settingsOf({ preset: "paper" }, "gemma2").batchSize).toBe(4);
    expect(() => settingsOf({ task: "tools" })).toThrow(/preset paper/);
  });
});
