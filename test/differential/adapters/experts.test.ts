// Adapters of experts (PEFT's target_parameters) against PEFT: base + adapter is what merge_and_unload writes, where experts are
// stored one by one and where they are one tensor.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { merge } from "../../../lib/merge/merge.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { long } from "../../long.js";
import { runPython, whyNoPython } from "../../peers.js";

const missing = long ? whyNoPython("torch", "transformers", "peft") : "in the long form only";
const folder = mkdtempSync(join(tmpdir(), "retemper-experts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing)(`adapters of experts${missing ? `: ${missing}` : ""}`, () => {
  it("are merged as PEFT merges them, for each family and choice of parameters", async () => {
    runPython(join(import.meta.dirname, "makeExperts.py"), [folder]);
    const names = readdirSync(folder);
    expect(names).toHaveLength(6);
    for (const name of names) {
      const place = (part: string) => join(folder, name, part);
      const model = `${place("base")}+${place("adapter")}`;
      await merge({ merge_method: "passthrough", models: [{ model }] }, place("ours"));
      const [ours, theirs, base] = ["ours", "merged", "base"].map((part) => readCheckpoint(place(part)));
      let changed = 0;
      for (const [tensor, { values }] of theirs ?? []) {
        const own = ours?.get(tensor)?.values ?? new Float64Array();
        const before = base?.get(tensor)?.values ?? [];
        expect(own.length, `${name} ${tensor}`).toBe(values.length);
        let apart = 0;
        for (let i = 0; i < values.length; i++) apart = Math.max(apart, Math.abs((own[i] ?? 9) - (values[i] ?? 0)));
        expect(apart, `${name} ${tensor}`).toBeLessThan(1e-6);
        if (values.some((value, i) => value !== before[i])) changed++;
      }
      expect(ours?.size, name).toBe(theirs?.size);
      expect(changed, name).toBeGreaterThanOrEqual(2);
    }
  });
});
