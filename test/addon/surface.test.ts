// The addon implements exactly what lib/addon/surface.ts describes, and checks its arguments itself.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { EXIT_STATUS } from "../../lib/errors.js";

const addon = loadAddon();
const root = new URL("../../", import.meta.url);

describe("the addon's surface", () => {
  it("exports exactly the functions of the interface Addon", () => {
    const text = readFileSync(new URL("lib/addon/surface.ts", root), "utf8");
    const body = /export interface Addon \{([\s\S]*?)\n\}/.exec(text)?.[1] ?? "";
    const declared = [...body.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]);
    expect(declared.length).toBeGreaterThan(5);
    expect(Object.keys(addon).sort()).toEqual(declared.sort());
  });

  it("describes itself with the version of the package", () => {
    const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
    const description = addon.describe();
    expect(description.version).toBe(version);
    expect(description.targets).toContain(description.target);
    expect(description.threads).toBeGreaterThanOrEqual(1);
    expect(description.cuda).toMatch(/\S/);
  });

  it("uses only error codes of the table in lib/errors.ts", () => {
    const text = readFileSync(new URL("native/core/status.h", root), "utf8");
    const codes = [...text.matchAll(/constexpr char k\w+\[\] = "(\w+)"/g)].map((match) => match[1] as string);
    expect(codes.length).toBeGreaterThan(5);
    for (const code of codes) expect(Object.keys(EXIT_STATUS)).toContain(code);
  });

  it("has an engine with the ops of the plan, and no other", () => {
    const text = readFileSync(new URL("lib/addon/nativePlan.ts", root), "utf8");
    const body = /export type NativeParams =([\s\S]*?)\nexport type OpName/.exec(text)?.[1] ?? "";
    const ops = [...body.matchAll(/readonly op: "(\w+)"/g)].map((match) => match[1] as string);
    expect(ops.length).toBeGreaterThan(10);
    expect([...addon.describe().ops].sort()).toEqual(ops.sort());
  });

  it("is one instance for each environment, with no state in between", () => {
    expect(loadAddon()).toBe(addon);
  });
});

describe("native arguments", () => {
  // The types forbid all of these; native code must not rely on that.
  const untyped = addon as unknown as Record<string, (...args: unknown[]) => unknown>;

  it.each([
    ["readHeader", []],
    ["readHeader", [1]],
    ["readHeader", [{}]],
    ["isMapped", []],
    ["readBytes", ["package.json"]],
    ["readBytes", ["package.json", -1, 2]],
    ["readBytes", ["package.json", 0, 1.5]],
    ["readBytes", ["package.json", 0, Number.NaN]],
    ["readBytes", ["package.json", 0, 2 ** 53]],
    ["readBytes", ["package.json", "0", "1"]],
    ["hashFiles", []],
    ["hashFiles", ["package.json"]],
    ["hashFiles", [[1]]],
    ["hashFiles", [["package.json"], "no function"]],
    ["exchange", ["a"]],
    ["lockFile", []],
  ])("%s%j is refused with code USAGE", (name, args) => {
    expect(() => untyped[name]?.(...args)).toThrowError(expect.objectContaining({ code: "USAGE" }));
  });

  it("refuses a merge and a comparison without a plan", () => {
    for (const name of ["merge", "compare"]) {
      for (const plan of [undefined, null, 1, "plan", {}, []]) {
        expect(() => untyped[name]?.(plan)).toThrowError(expect.objectContaining({ code: expect.any(String) }));
      }
    }
  });
});
