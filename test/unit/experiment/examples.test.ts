// The experiments that the repository ships are what the schema takes. Their data and models are not in it: stand-ins are.

import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import { readStudy } from "../../../lib/study/settings/readStudy.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-examples-")));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the experiments of the repository", () => {
  it("fit the schema, with paths beside their files", async () => {
    const file = join(folder, "experiment.yml");
    cpSync(new URL("../../../examples/smollm2/experiment.yml", import.meta.url), file);
    for (const name of ["model", "data", "adapters/seed-42"]) mkdirSync(join(folder, name), { recursive: true });
    for (const name of ["unsafe", "refused", "valid", "test"]) writeFileSync(join(folder, `data/${name}.jsonl`), "");
    const { aligned, tuned, lambda, methods, safety, task } = await loadExperiment(file);
    expect(aligned).toBe(join(folder, "model"));
    expect(tuned?.[0]).toEqual({ seed: 42, adapter: join(folder, "adapters/seed-42") });
    expect(tuned).toHaveLength(3);
    expect(lambda).toEqual([0.2, 0.4, 0.6, 0.8]);
    expect(methods).toHaveLength(4);
    const set = (name: string) => join(folder, `data/${name}.jsonl`);
    expect(safety.sets).toEqual([`unsafe=safety:${set("unsafe")}`, `refused=safety:${set("refused")}`]);
    expect([task.validation, task.test]).toEqual([[`calls=call:${set("valid")}`], [`calls=call:${set("test")}`]]);
  });

  it("are those of a study too, one for each of its tasks", async () => {
    const place = join(folder, "study");
    mkdirSync(place);
    const file = join(place, "study.yml");
    cpSync(new URL("../../../examples/study/study.yml", import.meta.url), file);
    for (const name of ["model", "data"]) mkdirSync(join(place, name));
    const { experiments, problems } = await readStudy(file);
    expect(() => problems.throwIfAny()).not.toThrow();
    const found = experiments.map(({ task, settings }) => [
      task,
      settings.tuned?.[2]?.adapter,
      settings.task.validation,
    ]);
    expect(found).toEqual([
      ["calls", join(place, "adapters/calls/seed-48763"), [`call:${join(place, "data/calls.valid.jsonl")}`]],
      ["choose", join(place, "adapters/choose/seed-48763"), [`exact:${join(place, "data/choose.valid.jsonl")}`]],
    ]);
  });
});
