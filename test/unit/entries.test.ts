// The subpaths of the package: which there are, and that the flat index is all of them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as index from "../../lib/index.js";

const all = new Map<string, unknown>(Object.entries(index));
const root = join(import.meta.dirname, "../..");
const entries = readdirSync(join(root, "lib/entries")).map((file) => file.replace(/\.ts$/, ""));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { types?: string; default?: string } | string>;
};

function load(entry: string): Promise<Record<string, unknown>> {
  return import(join(root, "lib/entries", `${entry}.ts`));
}

describe("the entries of the package", () => {
  it("are its subpaths, with their types", () => {
    expect(entries.sort()).toEqual([
      "evaluate",
      "experiment",
      "generate",
      "hub",
      "merge",
      "serve",
      "statistics",
      "study",
      "tune",
    ]);
    for (const name of entries) {
      const files = { types: `./dist/entries/${name}.d.ts`, default: `./dist/entries/${name}.js` };
      expect(exports[`./${name}`]).toEqual(files);
    }
  });

  it("are together what the flat index exports, and the same things", async () => {
    const names = new Set<string>();
    for (const entry of entries) {
      const module = await load(entry);
      for (const [name, value] of Object.entries(module)) {
        expect(all.get(name), `${entry}: ${name}`).toBe(value);
        names.add(name);
      }
    }
    expect([...all.keys()].sort()).toEqual([...names].sort());
  });

  it("each have the error that all functions throw", async () => {
    for (const entry of entries) {
      const { RetemperError } = await load(entry);
      expect(RetemperError).toBe(index.RetemperError);
    }
  });
});
