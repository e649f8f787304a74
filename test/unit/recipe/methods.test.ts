import { describe, expect, it } from "vitest";
import { findParameter, isKnownParameter, METHOD_NAMES, METHODS } from "../../../lib/recipe/methods.js";

describe("method records", () => {
  it("exist for every method name and no other", () => {
    expect(Object.keys(METHODS)).toEqual([...METHOD_NAMES]);
  });

  it("never have one name both globally and per model", () => {
    for (const method of Object.values(METHODS)) {
      for (const name of Object.keys(method.perModel)) expect(Object.keys(method.global)).not.toContain(name);
    }
  });

  it("give a default of the parameter's own type, and none to a required one", () => {
    for (const method of Object.values(METHODS)) {
      for (const record of [...Object.values(method.global), ...Object.values(method.perModel)]) {
        if (record.required) expect(record.default).toBeUndefined();
        if (record.default === undefined) continue;
        const type = { number: "number", integer: "number", boolean: "boolean", choice: "string", text: "string" }[
          record.type
        ];
        expect(typeof record.default).toBe(type);
      }
    }
  });

  it("say what tells the task arithmetic family apart", () => {
    const family = Object.entries(METHODS).flatMap(([name, { taskArithmetic: is }]) =>
      is === undefined ? [] : [[name, is.sparsifier, is.election, is.normalize, is.rescale]],
    );
    expect(family).toEqual([
      ["task_arithmetic", "none", false, false, false],
      ["ties", "magnitude", true, true, false],
      ["dare_linear", "random", false, false, true],
      ["dare_ties", "random", true, false, true],
      ["breadcrumbs", "outliers", false, false, false],
      ["breadcrumbs_ties", "outliers", true, false, false],
      ["della", "ranked", true, true, true],
      ["della_linear", "ranked", false, false, true],
    ]);
  });

  it("find parameters by name without falling for inherited properties", () => {
    expect(findParameter("ties", "density")).toEqual({ record: METHODS.ties.perModel.density, perModel: true });
    expect(findParameter("ties", "lambda")?.perModel).toBe(false);
    expect(findParameter("ties", "epsilon")).toBeUndefined();
    expect(findParameter("ties", "constructor")).toBeUndefined();
    expect(isKnownParameter("toString")).toBe(false);
  });
});
