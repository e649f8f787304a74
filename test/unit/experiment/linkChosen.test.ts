import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { shippedOf } from "../../../lib/experiment/results/shippedOf.js";
import { linkChosen, unlinkIfAt } from "../../../lib/experiment/steps/linkChosen.js";
import type { ExperimentResults } from "../../../lib/report/types.js";
import { candidateId } from "../../../lib/select/names.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-chosen-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(folder, "run-"));
  for (const name of ["a", "b"]) {
    mkdirSync(join(out, "models", name), { recursive: true });
    writeFileSync(join(out, "models", name, "name"), name);
  }
});
const at = (name: string) => ({ link: join("models", "chosen"), path: join("models", name) });
const names = () => readdirSync(join(out, "models")).sort();

describe("linkChosen", () => {
  it("makes a relative link, replaces it, and leaves nothing else beside it", async () => {
    for (const name of ["a", "a", "b"]) {
      expect(await linkChosen(out, at(name))).toEqual(at(name));
      expect(readlinkSync(join(out, "models/chosen"))).toBe(name);
      expect(readFileSync(join(out, "models/chosen/name"), "utf8")).toBe(name);
    }
    expect(names()).toEqual(["a", "b", "chosen"]);
  });

  it("takes the link away where nothing is to be shipped, and what it led to stays", async () => {
    await linkChosen(out, at("a"));
    await linkChosen(out, undefined);
    expect(names()).toEqual(["a", "b"]);
    await linkChosen(join(out, "new"), undefined); // a run that wrote no model has no such folder
  });

  it("takes the link away before the files change that it leads to, and not before others do", async () => {
    await linkChosen(out, at("a"));
    await unlinkIfAt(out, "models/b");
    expect(names()).toContain("chosen");
    await unlinkIfAt(out, "models/a");
    expect(names()).toEqual(["a", "b"]);
  });

  it("leaves what a killed run had begun behind, and touches nothing that is no link", async () => {
    writeFileSync(join(out, "models/chosen.partial"), "");
    await linkChosen(out, at("a"));
    expect(names()).toEqual(["a", "b", "chosen"]);
    rmSync(join(out, "models/chosen"));
    mkdirSync(join(out, "models/chosen"));
    await expect(linkChosen(out, at("a"))).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(lstatSync(join(out, "models/chosen")).isDirectory()).toBe(true);
  });
});

describe("shippedOf", () => {
  const candidate = { method: "linear", lambda: 0.4, score: { value: 1 }, asr: { value: 0 } };
  const results = {
    selection: { overall: { candidate } },
    outputs: [
      { candidate: candidateId({ method: "slerp", lambda: 0.4 }), seed: "42", path: "models/slerp-0.4-seed-42" },
      { candidate: candidateId(candidate), seed: "42", path: "models/linear-0.4-seed-42" },
    ],
  } as unknown as ExperimentResults;

  it("is the choice among all, and no other method's", () => {
    expect(shippedOf(results, { seed: "42" })).toEqual({
      link: "models/chosen",
      path: "models/linear-0.4-seed-42",
      seed: "42",
    });
  });

  it("is nothing where nothing qualifies, or the choice is not confirmed", () => {
    const confirmation = { holds: false } as ExperimentResults["confirmation"];
    expect(shippedOf({ ...results, confirmation }, { seed: "42" })).toBeUndefined();
    expect(
      shippedOf({ ...results, selection: { overall: { candidate: null } } } as unknown as ExperimentResults, undefined),
    ).toBeUndefined();
  });
});
