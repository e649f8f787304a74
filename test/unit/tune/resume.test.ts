// What a stopped or killed training leaves, and how it goes on.

import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";
import { runTuning } from "../../../lib/tune/runTuning.js";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneOptions, TuneReport } from "../../../lib/tune/types.js";
import { casesOf, long } from "../../long.js";

const MODEL = new URL("../../golden/models/llama", import.meta.url).pathname;
const COMMAND = new URL("../../../dist/cli/main.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "resume-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = Array.from({ length: 11 }, (_, i) => ({
  inputIds: Array.from({ length: 6 + (i % 9) }, (__, j) => (i * 31 + j * 17) % 400),
  promptLength: 3,
}));
const options: TuneOptions = {
  ...{ rank: 4, dropout: 0.1, learningRate: 5e-3, batchSize: 2, accumulate: 2, epochs: 4, validation: 0.1 },
  ...{ saveSteps: 3, engine: "native", threads: 1 },
};
const bytes = (out: string) => readFileSync(join(out, "adapter_model.safetensors"));
const place = (name: string) => join(folder, name);

describe("a training that ended early", () => {
  let whole: TuneReport;
  beforeAll(async () => {
    whole = await tune(MODEL, rows, place("whole"), options);
  });

  it("goes on after it was aborted to the bytes of one that never was", async () => {
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      if (done === 8) controller.abort();
    };
    const told: RetemperError[] = [];
    const onStopped = (stopped: RetemperError) => told.push(stopped);
    const { signal } = controller;
    const stopped = tune(MODEL, rows, place("stopped"), { ...options, signal, onProgress, onStopped });
    expect(await stopped.catch((reason: unknown) => reason)).toBe(signal.reason);
    expect(told).toMatchObject([{ code: "CANCELLED", hint: expect.stringMatching(/checkpoint-\d+ .*--resume/) }]);
    expect(existsSync(join(place("stopped"), "adapter_config.json"))).toBe(false);
    const left = readdirSync(place("stopped")).filter((name) => name.startsWith("checkpoint-"));
    expect(Math.max(...left.map((name) => Number(name.slice(11))))).toBeGreaterThanOrEqual(8);
    const gone = await tune(MODEL, rows, place("stopped"), { ...options, resume: true });
    expect(bytes(gone.adapter).equals(bytes(whole.adapter))).toBe(true);
    expect(gone.steps).toEqual(whole.steps);
    expect(gone.validation).toEqual(whole.validation);
    const log = readFileSync(join(gone.adapter, "log.ndjson"), "utf8").trim().split("\n");
    expect(log.map((line) => JSON.parse(line).step)).toEqual(whole.steps.map((_, i) => i + 1));
    expect(readFileSync(join(gone.adapter, "loss.svg"), "utf8")).toContain("<svg");
  });

  it("goes on from a checkpoint that a killed run had moved aside to replace it", async () => {
    const out = place("moved");
    await tune(MODEL, rows, out, { ...options, stopAfter: 4 });
    renameSync(join(out, "checkpoint-4"), join(out, ".checkpoint-4.old"));
    const { adapter } = await tune(MODEL, rows, out, { ...options, resume: true });
    expect(bytes(adapter).equals(bytes(whole.adapter))).toBe(true);
    expect(readdirSync(out).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("saves what the steps before came to, wherever in a step it is stopped", async () => {
    const threadless = (out: string, isStopped: () => boolean) => {
      const {
        signal: _,
        onProgress: __,
        ...rest
      } = { ...options, accumulate: 1, validation: 0, maxSteps: 3, saveSteps: 0 };
      const request = { model: MODEL, data: rows, out, options: rest, stop: new SharedArrayBuffer(4) };
      return runTuning(request, { isStopped, onProgress: () => {} });
    };
    let asked = 0;
    await threadless(place("asked"), () => ++asked < 0);
    // the second step's questions: before it, before its batch, and for both layers forward and back
    for (let at = Math.ceil(asked / 3) + 1; at <= Math.ceil((2 * asked) / 3); at++) {
      const out = place(`stopped-${at}`);
      let calls = 0;
      await expect(threadless(out, () => ++calls >= at)).rejects.toMatchObject({ code: "CANCELLED" });
      expect(existsSync(join(out, "checkpoint-1", "adapter_model.safetensors"))).toBe(true);
    }
  });

  it.skipIf(!long || !existsSync(COMMAND))(
    "goes on after kill -9, likewise",
    async () => {
      const data = place("rows.jsonl");
      writeFileSync(
        data,
        rows
          .map(({ inputIds, promptLength }) => JSON.stringify({ input_ids: inputIds, prompt_length: promptLength }))
          .join("\n"),
      );
      const flags = [
        "--rank",
        "4",
        "--lr",
        "5e-3",
        "--batch",
        "2",
        "--save-steps",
        "2",
        "--epochs",
        "9",
        "--threads",
        "1",
        "--quiet",
      ];
      const args = (out: string) => [COMMAND, "tune", MODEL, data, out, "--engine", "native", ...flags];
      const run = (out: string, ...more: string[]) =>
        spawn(process.execPath, [...args(out), ...more], { stdio: "ignore" });
      const ended = (child: ReturnType<typeof run>) => new Promise<number | null>((done) => child.on("exit", done));
      expect(await ended(run(place("calm")))).toBe(0);
      const child = run(place("killed"));
      const end = ended(child);
      const saved = () => existsSync(place("killed")) && readdirSync(place("killed")).includes("checkpoint-4");
      while (!saved() && child.exitCode === null) await sleep(2);
      child.kill("SIGKILL");
      await end;
      expect(existsSync(join(place("killed"), "adapter_config.json"))).toBe(false);
      expect(await ended(run(place("killed"), "--resume"))).toBe(0);
      expect(bytes(place("killed")).equals(bytes(place("calm")))).toBe(true);
      expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
    },
    60_000,
  );

  it("begins in a folder where a run was killed before it had its record", async () => {
    const short = { ...options, maxSteps: 1 };
    const ways = Object.entries({ plain: {}, resumed: { resume: true }, forced: { force: true } });
    for (const [name, more] of casesOf(ways, ways.slice(1, 2))) {
      const out = place(`empty-${name}`);
      mkdirSync(out);
      writeFileSync(join(out, "tuning.json.partial"), "{");
      expect((await tune(MODEL, rows, out, { ...short, ...more })).steps).toHaveLength(1);
      expect(readdirSync(out)).not.toContain("tuning.json.partial");
    }
  });

  it("is not gone on with under other settings, and an output is not written over", async () => {
    const out = place("whole");
    await expect(tune(MODEL, rows, out, options)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await expect(tune(MODEL, rows, out, { ...options, resume: true, seed: 1 })).rejects.toThrow(
      /settings.seed was 42, is 1/,
    );
    await expect(tune(MODEL, rows, join(MODEL, "out"), options)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    writeFileSync(place("mine"), "");
    await expect(tune(MODEL, rows, place("mine"), { ...options, force: true })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
    });
  });

  it("keeps the last good checkpoint where the loss is no number", async () => {
    const wild = { ...options, learningRate: 1e30, maxGradNorm: 0, dropout: 0, saveSteps: 1, warmupRatio: 0.1 };
    const run = tune(MODEL, rows, place("wild"), wild);
    await expect(run).rejects.toThrow(/no number .* last good checkpoint/);
    await expect(run).rejects.toMatchObject({ code: "DIVERGED" });
    expect(readdirSync(place("wild")).some((name) => name.startsWith("checkpoint-"))).toBe(true);
    expect(existsSync(join(place("wild"), "adapter_config.json"))).toBe(false);
  });
});
