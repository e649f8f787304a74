// Recipes, manifests and experiments that are wrong in one place, anywhere in a text of any shape: the error names the file,
// the line and the column of that place, and nothing else comes of any text.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readManifest } from "../../lib/batch/manifest.js";
import { RetemperError } from "../../lib/errors.js";
import { loadExperiment } from "../../lib/experiment/settings/load.js";
import { loadRecipe } from "../../lib/recipe/load.js";
import { long } from "../long.js";
import fc from "../properties.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-documents-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Kind {
  readonly name: string;
  readonly read: (file: string) => Promise<unknown>;
  /** A document that is right, a line each; keys of its top level begin at the first column. */
  readonly lines: readonly string[];
  /** Where the top level is a list, what a mapping's key needs before it. */
  readonly indent: string;
  /** Keys of the mapping that `lines` end in. */
  readonly keys: readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    name: "recipe",
    read: loadRecipe,
    lines: [
      "merge_method: ties",
      "base_model: base",
      "models:",
      "  - model: one",
      "    parameters:",
      "      weight: 0.5",
      "      density: 0.5",
      "  - model: two",
      "    parameters: {weight: 0.5, density: 0.5}",
      "parameters:",
      "  normalize: true",
      "dtype: float32",
    ],
    indent: "",
    keys: ["merge_method", "models", "parameters", "dtype"],
  },
  {
    name: "manifest",
    read: readManifest,
    lines: ["- out: a", "  recipe: a.yml", "- out: b", "  options: {seed: 1}", "  recipe: b.yml"],
    indent: "  ",
    keys: ["out", "recipe", "options"],
  },
  {
    name: "experiment",
    read: (file) => loadExperiment(file),
    lines: [
      "aligned: model",
      "tuned:",
      "  - {seed: 1, model: tuned}",
      "methods:",
      "  - linear",
      "  - {method: ties, parameters: {density: 0.5}}",
      "lambda: [0.2, 0.4]",
      'safety: {sets: ["safety:unsafe.jsonl"], judges: [keyword]}',
      'task: {validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"]}',
      "limit: 3",
    ],
    indent: "",
    keys: ["aligned", "methods", "lambda", "limit"],
  },
];

let files = 0;

/** What reading a text ends with. */
async function outcome({ name, read }: Kind, text: string): Promise<{ file: string; error: unknown }> {
  const file = join(folder, `${name}-${++files}.yml`);
  writeFileSync(file, text);
  try {
    await read(file);
    return { file, error: undefined };
  } catch (error) {
    return { file, error };
  } finally {
    rmSync(file);
  }
}

const blank = fc.constantFrom("", "# a comment", "   # indented", "  ");

/** The lines of a document with blank ones and comments between them, and the line at which the document ends. */
function spread(lines: readonly string[]): fc.Arbitrary<string[]> {
  return fc
    .array(fc.array(blank, { maxLength: 3 }), { minLength: lines.length, maxLength: lines.length })
    .map((blanks) => lines.flatMap((line, at) => [...(blanks[at] ?? []), line]));
}

describe.each(KINDS)("a $name", (kind) => {
  it("is read as it is, with comments and blank lines anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(spread(kind.lines), async (lines) => {
        expect((await outcome(kind, `${lines.join("\n")}\n`)).error).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it("with a key twice is refused at the second, however it is written", async () => {
    const key = fc.tuple(fc.constantFrom(...kind.keys), fc.constantFrom("", '"', "'"));
    await fc.assert(
      fc.asyncProperty(spread(kind.lines), key, async (lines, [name, quote]) => {
        const text = [...lines, `${kind.indent}${quote}${name}${quote}: x`, "# the end"].join("\n");
        const { file, error } = await outcome(kind, text);
        expect(error).toMatchObject({
          code: "BAD_RECIPE",
          file,
          line: lines.length + 1,
          column: kind.indent.length + 1,
        });
        expect((error as Error).message).toMatch(/duplicate key/);
      }),
      { numRuns: 40 },
    );
  });

  it("with the key __proto__ is refused there, and no prototype changes", async () => {
    const value = fc.constantFrom("1", "{polluted: 1}", "[1]", "&a {polluted: 1}", "null");
    await fc.assert(
      fc.asyncProperty(spread(kind.lines), fc.constantFrom("", '"', "'"), value, async (lines, quote, held) => {
        const text = [...lines, `${kind.indent}${quote}__proto__${quote}: ${held}`].join("\n");
        const { file, error } = await outcome(kind, text);
        expect(error).toMatchObject({
          code: "BAD_RECIPE",
          file,
          line: lines.length + 1,
          column: kind.indent.length + 1,
        });
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });

  it("whose aliases multiply is refused with its line, in bounded memory", async () => {
    const before = process.memoryUsage().rss;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 8, max: 40 }),
        fc.boolean(),
        async (fan, depth, maps) => {
          const rows = [maps ? "a0: &a0 {k: 1, l: 2, m: 3}" : "a0: &a0 [x, x, x, x, x, x, x, x]"];
          const levels = Math.max(depth, Math.ceil(24 / Math.log2(fan)));
          for (let i = 1; i <= levels; i++) {
            const aliases = Array.from({ length: fan }, (_, at) => (maps ? `k${at}: *a${i - 1}` : `*a${i - 1}`)).join(
              ", ",
            );
            rows.push(maps ? `a${i}: &a${i} {${aliases}}` : `a${i}: &a${i} [${aliases}]`);
          }
          const text = [...kind.lines, ...rows.map((row) => kind.indent + row)].join("\n");
          const { file, error } = await outcome(kind, text);
          expect(error).toMatchObject({
            code: "BAD_RECIPE",
            file,
            line: expect.any(Number),
            column: expect.any(Number),
          });
          expect((error as Error).message).toMatch(/expands to more than|nested too deeply/);
        },
      ),
      { numRuns: long ? 20 : 8 },
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
  });

  it("of any other text is read, or refused with its file, and nothing else", async () => {
    const piece = fc.constantFrom(
      ...[...kind.lines.map((line) => `${line}\n`), ...kind.keys.map((key) => `${key}: `)],
      ...["[", "]", "{", "}", ": ", "- ", "&a ", "*a", "<<: *a\n", "\n", "  ", "'", '"', "|\n", "? ", "!x ", "---\n"],
      ...["#", "0.5", ".nan", "-.inf", "1e999", "\t", "\0", "\ufeff", "null", "~", "__proto__: ", "constructor: "],
    );
    const parts = fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(parts, async (chosen) => {
        const { file, error } = await outcome(kind, chosen.join(""));
        if (error === undefined) return;
        expect(error).toBeInstanceOf(RetemperError);
        expect(error).toMatchObject({ code: expect.stringMatching(/^BAD_(RECIPE|INPUT)$/), file });
      }),
      { numRuns: 200 },
    );
  });
});

describe("a number that is none", () => {
  const none = fc.constantFrom(
    ".nan",
    ".NaN",
    ".NAN",
    ".inf",
    "-.inf",
    "+.Inf",
    "1e999",
    "-1e999",
    '"nan"',
    "nan",
    "Infinity",
  );

  it("as a weight or density is refused at its line and column, wherever it stands", async () => {
    const [recipe] = KINDS as [Kind];
    const rows = recipe.lines.flatMap((line, at) => (/(weight|density): 0\.5/.test(line) ? [at] : []));
    const whole = fc.tuple(fc.constantFrom(...rows), fc.boolean());
    await fc.assert(
      fc.asyncProperty(spread(recipe.lines), whole, none, async (lines, [row, last], value) => {
        const line = recipe.lines[row] as string;
        const at = last ? line.lastIndexOf("0.5") : line.indexOf("0.5");
        const number = lines.indexOf(line);
        const text = lines.with(number, `${line.slice(0, at)}${value}${line.slice(at + 3)}`).join("\n");
        const { file, error } = await outcome(recipe, text);
        expect(error).toMatchObject({ code: "BAD_RECIPE", file, line: number + 1, column: at + 1 });
      }),
      { numRuns: 60 },
    );
  });

  it("in an experiment is refused at its line and column", async () => {
    const experiment = KINDS[2] as Kind;
    const place = fc.constantFrom<[string, string]>(
      ["lambda: [0.2, 0.4]", "0.4"],
      ["limit: 3", "3"],
      ["lambda: [0.2, 0.4]", "[0.2, 0.4]"],
    );
    await fc.assert(
      fc.asyncProperty(spread(experiment.lines), place, none, async (lines, [line, part], value) => {
        const at = line.lastIndexOf(part);
        const number = lines.indexOf(line);
        const { file, error } = await outcome(
          experiment,
          lines.with(number, `${line.slice(0, at)}${value}`).join("\n") + (part === "0.4" ? "]" : ""),
        );
        expect(error).toMatchObject({ file, line: expect.any(Number), column: expect.any(Number) });
        if (part !== "0.4") expect(error).toMatchObject({ code: "BAD_RECIPE", line: number + 1, column: at + 1 });
      }),
      { numRuns: 40 },
    );
  });

  it("in a manifest is refused at its line and column", async () => {
    const manifest = KINDS[1] as Kind;
    await fc.assert(
      fc.asyncProperty(
        spread(manifest.lines),
        none,
        fc.constantFrom("seed", "lambda", "outShardSize"),
        async (lines, value, option) => {
          const line = "  options: {seed: 1}";
          const number = lines.indexOf(line);
          const text = lines.with(number, `  options: {${option}: ${value}}`).join("\n");
          const { file, error } = await outcome(manifest, text);
          expect(error).toMatchObject({
            code: "BAD_RECIPE",
            file,
            line: number + 1,
            column: `  options: {${option}: `.length + 1,
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});
