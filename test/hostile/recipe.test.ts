// Recipes that were written to hurt: each must be refused with its place, in bounded time and memory.

import { describe, expect, it } from "vitest";
import { RetemperError } from "../../lib/errors.js";
import { loadRecipe, parseRecipe } from "../../lib/recipe/load.js";
import { MAX_TEXT } from "../../lib/recipe/textLimits.js";
import fc from "../properties.js";

function refusal(text: string): RetemperError {
  try {
    parseRecipe(text, { exists: () => false });
  } catch (error) {
    if (error instanceof RetemperError) return error;
    throw error;
  }
  throw new Error("the recipe was accepted");
}

const placed = (text: string) => {
  const { code, line, column } = refusal(text);
  return `${code} ${line}:${column}`;
};

const HEAD = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n";

describe("keys", () => {
  it("are unique at every level, in YAML and in JSON", () => {
    expect(placed(`${HEAD}merge_method: ties\n`)).toBe("BAD_RECIPE 3:1");
    expect(placed("merge_method: linear\nmodels:\n- model: a\n  parameters:\n    weight: 1\n    weight: 2\n")).toBe(
      "BAD_RECIPE 6:5",
    );
    expect(placed('{"merge_method": "linear",\n "merge_method": "ties"}')).toBe("BAD_RECIPE 2:2");
    expect(refusal(`${HEAD}merge_method: ties\n`).message).toMatch(/duplicate key `merge_method`, first on line 1/);
  });

  it("are unique however they are written", () => {
    expect(placed(`${HEAD}"merge_method": ties\n`)).toBe("BAD_RECIPE 3:1");
    expect(placed("modules: {1: {}, '1': {}}\n")).toBe("BAD_RECIPE 1:18");
  });

  it("are compared in linear time", () => {
    const many = Array.from({ length: 45_000 }, (_, i) => `k${i}: 1`).join("\n");
    expect(refusal(`${HEAD}parameters:\n${many.replace(/^/gm, "  ")}\n`).message).toMatch(/and \d+ more/);
  });

  it("are never __proto__, and nothing leaks into prototypes", () => {
    expect(placed(`${HEAD}__proto__: {polluted: 1}\n`)).toBe("BAD_RECIPE 3:1");
    expect(placed(`${HEAD}parameters:\n  __proto__: {value: 1}\n`)).toBe("BAD_RECIPE 4:3");
    expect(placed(`${HEAD}"__proto__": 1\n`)).toBe("BAD_RECIPE 3:1");
    expect(placed(`${HEAD}tokenizer: {tokens: {__proto__: {force: true}}}\n`)).toBe("BAD_RECIPE 3:22");
    expect(placed("a: &a {b: 1}\nc:\n  <<: *a\n  __proto__: *a\n")).toBe("BAD_RECIPE 4:3");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("named as inherited properties are unknown like any other", () => {
    for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf"]) {
      expect(refusal(`${HEAD}${name}: 1\n`).message).toMatch(/unknown key/);
      expect(refusal(`${HEAD}parameters: {${name}: 1}\n`).message).toMatch(/unknown parameter/);
      expect(refusal(HEAD.replace("linear", name)).message).toMatch(/unknown merge method/);
    }
  });

  it("named so are plain token names", () => {
    const recipe = parseRecipe(`${HEAD}tokenizer: {tokens: {constructor: {force: true}}}\n`);
    expect(Object.entries(recipe.tokenizer?.tokens ?? {})).toEqual([["constructor", { force: true }]]);
  });

  it("are no collections", () => {
    expect(placed(`${HEAD}? [a, b]\n: 1\n`)).toBe("BAD_RECIPE 3:3");
    expect(placed(`${HEAD}{a: b}: 1\n`)).toBe("BAD_RECIPE 3:1");
  });
});

describe("aliases", () => {
  it("that multiply are cut off", () => {
    const rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i <= 12; i += 1) rows.push(`a${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(", ")}]`);
    expect(refusal(rows.join("\n")).message).toMatch(/expands to more than 50000 values/);
  });

  it("of large values many times are cut off", () => {
    const large = `big: &big [${new Array(20_000).fill("1").join(",")}]\nall: [${new Array(20_000).fill("*big").join(",")}]\n`;
    expect(refusal(large).message).toMatch(/expands to more than/);
  });

  it("through merge keys are cut off", () => {
    const rows = ["a0: &a0 {k: 1}"];
    for (let i = 1; i <= 24; i += 1) rows.push(`a${i}: &a${i} {<<: [*a${i - 1}, *a${i - 1}], k${i}: [*a${i - 1}]}`);
    expect(refusal(rows.join("\n")).code).toBe("BAD_RECIPE");
  });

  it("to themselves or to nothing are refused where they stand", () => {
    expect(placed("a: &a [1, *a]\n")).toBe("BAD_RECIPE 1:11");
    expect(placed("a: &a {b: {c: *a}}\n")).toBe("BAD_RECIPE 1:15");
    expect(placed("a: 1\nb: *c\n")).toBe("BAD_RECIPE 2:4");
    expect(placed("a: *later\nb: &later 1\n")).toBe("BAD_RECIPE 1:4");
    expect(placed("a: {<<: 3}\n")).toBe("BAD_RECIPE 1:5");
  });
});

describe("nesting", () => {
  // The YAML composer is recursive; without a bound before it, some of these end the whole process.
  it.each([
    ["open brackets", "[".repeat(200_000)],
    ["closed brackets", `a: ${"[".repeat(20_000)}${"]".repeat(20_000)}`],
    ["braces", `${"{a: ".repeat(100_000)}1`],
    ["compact lists", `${"- ".repeat(100_000)}1`],
    ["explicit keys", `${"? ".repeat(50_000)}a`],
    ["indented mappings", Array.from({ length: 1500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
    ["indented lists", Array.from({ length: 1500 }, (_, i) => `${" ".repeat(i)}-`).join("\n")],
  ])("of %s is refused", (_name, text) => {
    expect(refusal(text)).toMatchObject({ code: "BAD_RECIPE", message: /nested too deeply/ });
  });

  it("of an object is refused as well, and so is a cycle", async () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i += 1) deep = [deep];
    await expect(loadRecipe({ merge_method: "linear", models: deep })).rejects.toMatchObject({ code: "BAD_RECIPE" });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    await expect(loadRecipe({ merge_method: "linear", models: cycle })).rejects.toMatchObject({ code: "BAD_RECIPE" });
  });
});

describe("values", () => {
  it.each([".nan", ".inf", "-.INF", "'nan'", "'-Infinity'", "1e999"])(
    "refuse the weight %s with its place",
    (value) => {
      expect(placed(`merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: ${value}}\n`)).toBe(
        "BAD_RECIPE 4:24",
      );
      expect(placed(`merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: [1, ${value}]}\n`)).toBe(
        "BAD_RECIPE 4:28",
      );
      expect(
        placed(
          `merge_method: linear\nmodels:\n- model: a\n  parameters:\n    weight: [{filter: q, value: ${value}}]\n`,
        ),
      ).toBe("BAD_RECIPE 5:33");
    },
  );

  it.each([
    ["null", /received nothing/],
    ["{}", /has no `value`/],
    ["{value: null}", /received nothing/],
    ["{value: {value: 1}}", /received a mapping/],
    ["[[1, 2]]", /received a list/],
    ["[{value: 1}, 2]", /as in the rest of the list/],
    ["{filter: 3, value: 1}", /part of tensor names/],
    ["{filter: q, value: 1, extra: 2}", /unknown key `extra`/],
    ["abc", /expected a number/],
    ["!!binary aGk=", /./],
    ["!!timestamp 2001-01-01", /./],
    ["!!js/function 'x'", /tag/i],
  ])("refuse the weight %s", (value, message) => {
    const error = refusal(`merge_method: linear\nmodels:\n- model: a\n  parameters:\n    weight: ${value}\n`);
    expect(error.code).toBe("BAD_RECIPE");
    expect(error.line).toBe(5);
    expect(error.message).toMatch(message);
  });

  it("refuse fractions of a whole-number parameter and values below a minimum", () => {
    const karcher = (value: string) =>
      `merge_method: karcher\nmodels: [{model: a}]\nparameters: {max_iter: ${value}}\n`;
    expect(placed(karcher("1.5"))).toBe("BAD_RECIPE 3:24");
    expect(placed(karcher("-1"))).toBe("BAD_RECIPE 3:24");
  });

  it.each([
    ["merge_method: 3\n", "1:15"],
    ["merge_method: linear\nmodels: {model: a}\n", "2:9"],
    ["merge_method: linear\nmodels: [a]\n", "2:10"],
    ["merge_method: linear\nmodels: [{}]\n", "2:10"],
    [`${HEAD}parameters: [1]\n`, "3:13"],
    [`${HEAD}dtype: [float32]\n`, "3:8"],
    ["merge_method: linear\nmodules: [x]\n", "2:10"],
    ["- merge_method: linear\n", "1:1"],
    ["text\n", "1:1"],
    ["merge_method: linear\nmodels: [{model: a]\n", "2:19"],
  ])("of the wrong type are refused: %j at %s", (text, place) => {
    expect(placed(text)).toBe(`BAD_RECIPE ${place}`);
  });
});

describe("documents", () => {
  it("are one a file", () => {
    const error = refusal(`${HEAD}---\n${HEAD}`);
    expect(error.message).toMatch(/2 recipes in one file/);
    expect(error.line).toBe(3);
    expect(error.hint).toMatch(/retemper batch/);
    expect(parseRecipe(`---\n${HEAD}---\n# nothing more\n`).method).toBe("linear");
  });

  it("are not empty", () => {
    for (const text of ["", "\n\n", "# only a comment\n", "---\n---\n", "\ufeff"])
      expect(refusal(text).message).toMatch(/empty/);
  });

  it("are bounded in size", () => {
    expect(refusal(`${HEAD}# ${"x".repeat(MAX_TEXT)}\n`).message).toMatch(/larger than/);
    const wide = `${HEAD}parameters: {weight: [${"1,".repeat(MAX_TEXT / 2 - 100)}1]}\n`;
    expect(refusal(wide).message).toMatch(/more than 50000 values/);
  });

  it("never put a huge value into the message", () => {
    const huge = "y".repeat(1_000_000);
    expect(refusal(HEAD.replace("linear", huge)).message.length).toBeLessThan(300);
    expect(refusal(`${HEAD}${"z".repeat(1000)}: 1\n`).message.length).toBeLessThan(1500);
    expect(refusal(`${HEAD}chat_template: ${huge}\n`).message.length).toBeLessThan(300);
  });

  it("of any text are read or refused, and nothing else", () => {
    const piece = fc.constantFrom(
      "merge_method: linear",
      "models:",
      "- model: a",
      "  parameters:",
      "    weight: ",
      "[",
      "]",
      "{",
      "}",
      ": ",
      "- ",
      "&a ",
      "*a",
      "<<: ",
      "\n",
      "  ",
      "'",
      '"',
      "|\n",
      "? ",
      "!x ",
      "%YAML 1.1\n---\n",
      "---\n",
      "#",
      "0.5",
      ".nan",
      "\t",
      "\0",
      "null",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        try {
          expect(parseRecipe(text, { exists: () => false }).text).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ name: "RetemperError", code: "BAD_RECIPE" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("of any object are read or refused, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.object({ maxDepth: 4, withBigInt: true, withDate: true, withMap: true, withTypedArray: true }),
        async (extra) => {
          const outcome = await loadRecipe({ merge_method: "linear", models: extra }).catch((error) => error);
          expect(outcome).toMatchObject({ code: "BAD_RECIPE" });
        },
      ),
      { numRuns: 200 },
    );
  });
});
