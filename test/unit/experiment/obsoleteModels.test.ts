// Models of an earlier choice in a run's folder.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { obsoleteModels } from "../../../lib/experiment/results/obsoleteModels.js";
import { temporaryFolder } from "../../e2e/command.js";

const folder = temporaryFolder();
const output = (path: string) => ({ name: path, candidate: path, path, bytes: 0, files: [] });
const named = (...paths: string[]) => ({ outputs: paths.map(output) });
let out: string;

beforeEach(() => {
  out = mkdtempSync(join(folder, "run-"));
  for (const name of ["linear-0.2", "linear-0.4", "not-a-merge", ".linear-0.6.partial"]) {
    mkdirSync(join(out, "models", name), { recursive: true });
    writeFileSync(join(out, "models", name, "model.safetensors"), name);
    if (name !== "not-a-merge") writeFileSync(join(out, "models", name, "retemper.json"), "{}");
  }
  symlinkSync("linear-0.4", join(out, "models/chosen"));
});
const names = () => readdirSync(join(out, "models")).sort();

describe("models that the results do not name", () => {
  it("are marked beside their folder, and no longer once they are named again", async () => {
    const before = names();
    expect(await obsoleteModels(out, named("models/linear-0.4"), false)).toEqual({
      marked: ["models/linear-0.2"],
      removed: [],
    });
    expect(names()).toEqual([...before, "linear-0.2.obsolete.md"].sort());
    expect(readFileSync(join(out, "models/linear-0.2.obsolete.md"), "utf8")).toContain("`--prune` removes it");
    const both = named("models/linear-0.4", "models/linear-0.2");
    expect(await obsoleteModels(out, both, false)).toEqual({ marked: [], removed: [] });
    expect(names()).toEqual(before);
  });

  it("are removed with their marks by prune, and nothing else is", async () => {
    await obsoleteModels(out, named("models/linear-0.4"), false);
    writeFileSync(join(out, "models/linear-0.2.not-confirmed.md"), "");
    expect(await obsoleteModels(out, named("models/linear-0.4"), true)).toEqual({
      marked: [],
      removed: ["models/linear-0.2"],
    });
    expect(names()).toEqual([".linear-0.6.partial", "chosen", "linear-0.4", "not-a-merge"]);
    expect(existsSync(join(out, "models/chosen/model.safetensors"))).toBe(true);
  });

  it("are none where no model was ever written", async () => {
    expect(await obsoleteModels(join(out, "new"), named(), true)).toEqual({ marked: [], removed: [] });
  });
});
