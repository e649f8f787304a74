// Recipes of several documents: the same as their stages by hand, each stage once, and nothing of them left behind.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BatchReport, batch, merge, verify } from "../../lib/index.js";
import { languageModel, writeModel } from "./mergeModels.js";

let folder: string;
let recipe: string;
let out: string;
const models: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-stages-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  models.length = 0;
  for (const seed of [1, 2, 3]) models.push(writeModel(join(folder, "models", `m${seed}`), languageModel(seed)));
  out = join(folder, "outs", "final");
  mkdirSync(join(folder, "outs"));
  recipe = write("stages.yml", diamond());
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const linear = (one: string | undefined, other: string | undefined, weight: number) =>
  `merge_method: linear\nmodels:\n  - {model: ${one}, parameters: {weight: ${1 - weight}}}\n  - {model: ${other}, parameters: {weight: ${weight}}}\n`;
const slerp = (one: string, other: string, t: number) =>
  `merge_method: slerp\nbase_model: ${one}\nmodels: [{model: ${one}}, {model: ${other}}]\nparameters: {t: ${t}}\n`;
/** root, then left and right of it, then both together; the final document stands first. */
const diamond = (t = 0.4) =>
  [
    slerp("left", "right", t),
    `name: root\n${linear(models[0], models[1], 0.25)}`,
    `name: left\n# closer to the third\n${linear("root", models[2], 0.5)}`,
    `name: right\n${linear("root", models[2], 0.125)}`,
  ].join("---\n");
const tensorsOf = (where: string) => readFileSync(join(where, "model.safetensors")).toString("base64");
const contents = (where: string) => {
  const names = readdirSync(where).filter((name) => name !== "retemper.json");
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(where, name), "utf8")]));
};
const stages = ({ entries }: BatchReport, at = 0) => {
  return Object.fromEntries((entries[at]?.stages ?? []).map(({ name, status }) => [name, status]));
};

describe("a recipe of several documents", () => {
  it("gives what its stages give by hand, byte for byte", async () => {
    const report = await batch(recipe, { out });
    expect(report.entries[0]?.status).toBe("made");
    expect(stages(report)).toEqual({ root: "made", left: "made", right: "made" });
    expect((await verify(out)).ok).toBe(true);

    const hand = (name: string) => join(folder, "hand", name);
    const named = { models: { root: hand("root"), left: hand("left"), right: hand("right") } };
    await merge(linear(models[0], models[1], 0.25), hand("root"));
    await merge(`# closer to the third\n${linear("root", models[2], 0.5)}`, hand("left"), named);
    await merge(linear("root", models[2], 0.125), hand("right"), named);
    await merge(write("final.yml", slerp("left", "right", 0.4)), hand("final"), named);
    expect(contents(out)).toEqual(contents(hand("final")));
    // And without any names, by the folders of the stages.
    await merge(slerp(hand("left"), hand("right"), 0.4), hand("paths"));
    expect(tensorsOf(out)).toBe(tensorsOf(hand("paths")));
  });

  it("leaves nothing but its output, and no path of a work folder in it", async () => {
    await batch(recipe, { out });
    expect(readdirSync(join(folder, "outs"))).toEqual(["final"]);
    for (const text of Object.values(contents(out))) expect(text).not.toContain(join(folder, "outs"));
    const { stages: origins } = JSON.parse(readFileSync(join(out, "retemper.json"), "utf8"));
    expect(Object.keys(origins)).toEqual(["left", "right"]);
    expect(origins.left.stages.root.recipe).toContain("weight: 0.25");
    expect(JSON.stringify(origins)).not.toContain(join(folder, "outs"));
  });

  it("is skipped when its output is complete, though its stages are gone", async () => {
    await batch(recipe, { out });
    const report = await batch(recipe, { out });
    expect(report.entries[0]?.status).toBe("skipped");
    expect(stages(report)).toEqual({ root: "notNeeded", left: "notNeeded", right: "notNeeded" });
  });

  it("is another one when any of its stages, or an input of one, is", async () => {
    await batch(recipe, { out });
    write("stages.yml", diamond().replace("weight: 0.25", "weight: 0.26"));
    const changed = await batch(recipe, { out });
    expect(changed.firstError?.message).toMatch(/the stage left: the stage root: it was made from another recipe/);
    write("stages.yml", diamond());
    writeModel(models[0] ?? "", languageModel(9));
    const rewritten = await batch(recipe, { out });
    expect(rewritten.firstError).toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(rewritten.firstError?.message).toMatch(/the stage root: the input .*m1.* was replaced or written to/);
    expect((await batch(recipe, { out, force: true })).entries[0]?.status).toBe("made");
  });

  it("uses stages that an earlier run finished, and makes those again that changed", async () => {
    const broken = write(
      "stages.yml",
      diamond()
        .replace(`base_model: left`, "base_model: right")
        .replace("parameters: {t: 0.4}", "parameters: {t: 0.4}\ntokenizer_source: /nowhere"),
    );
    const failed = await batch(broken, { out });
    expect(failed.firstError?.code).toBe("BAD_INPUT");
    expect(stages(failed)).toEqual({ root: "made", left: "made", right: "made" });
    const kept = join(folder, "outs", ".final.stages");
    // Nothing needs the root once both of its users are there.
    expect(readdirSync(kept).sort()).toEqual(["left", "right"]);
    write("stages.yml", diamond().replace("weight: 0.125", "weight: 0.375"));
    const report = await batch(recipe, { out });
    expect(stages(report)).toEqual({ root: "made", left: "reused", right: "made" });
    expect(readdirSync(join(folder, "outs"))).toEqual(["final"]);
  });

  it("removes what a run left that was killed just before it cleaned up", async () => {
    await batch(recipe, { out });
    mkdirSync(join(folder, "outs", ".final.stages", ".left.retemper-0123456789ab"), { recursive: true });
    await batch(recipe, { out });
    expect(readdirSync(join(folder, "outs"))).toEqual(["final"]);
  });

  it("keeps its stages in the folder for intermediates, and uses them again", async () => {
    const intermediateDir = join(folder, "kept");
    await batch(recipe, { out, intermediateDir });
    expect(readdirSync(intermediateDir).sort()).toEqual(["left", "right", "root"]);
    const before = statSync(join(intermediateDir, "root/model.safetensors")).ino;
    rmSync(out, { recursive: true });
    const report = await batch(recipe, { out, intermediateDir });
    expect(stages(report)).toEqual({ root: "notNeeded", left: "reused", right: "reused" });
    expect(statSync(join(intermediateDir, "root/model.safetensors")).ino).toBe(before);
    // What is kept is not replaced without force.
    rmSync(out, { recursive: true });
    write("stages.yml", diamond().replace("weight: 0.25", "weight: 0.26"));
    expect((await batch(recipe, { out, intermediateDir })).firstError?.message).toMatch(
      /the stage .*exists and would become another/,
    );
    expect(stages(await batch(recipe, { out, intermediateDir, force: true }))).toEqual({
      root: "made",
      left: "made",
      right: "made",
    });
  });

  it("writes a stage that several entries share once", async () => {
    const recipes = join(folder, "recipes");
    mkdirSync(recipes);
    for (const t of [0.2, 0.4, 0.6]) write(`recipes/t${t}.yml`, diamond(t));
    const outs = join(folder, "outs");
    const report = await batch(recipes, { out: outs, jobs: 2 });
    expect(report.entries.map(({ status }) => status)).toEqual(["made", "made", "made"]);
    const sizes = readdirSync(outs).map((name) => statSync(join(outs, name, "model.safetensors")).size);
    // Three outputs and three stages, of the same size each.
    expect(report.bytesWritten).toBe(6 * (sizes[0] ?? 0));
    expect(readdirSync(outs).sort()).toEqual(["t0.2", "t0.4", "t0.6"]);
    await batch(write("one.yml", diamond(0.4)), { out });
    expect(tensorsOf(join(outs, "t0.4"))).toBe(tensorsOf(out));
    const apart = await batch(recipes, { out: join(folder, "apart"), partition: { index: 1, count: 2 } });
    expect(apart.entries).toEqual([]);
  });

  it("may stand in a manifest, as a list", async () => {
    const list = [
      {
        name: "half",
        merge_method: "linear",
        models: models.slice(0, 2).map((model) => ({ model, parameters: { weight: 0.5 } })),
      },
      { merge_method: "passthrough", models: [{ model: "half" }] },
    ];
    const manifest = write("m.jsonl", `${JSON.stringify({ recipe: list, out: "x" })}\n`);
    expect((await batch(manifest, { out: join(folder, "outs") })).entries[0]?.status).toBe("made");
    await batch([{ recipe: list, out: "y" }], { out: join(folder, "outs") });
    expect(tensorsOf(join(folder, "outs/x"))).toBe(tensorsOf(join(folder, "outs/y")));
  });

  it("ends in its last document when all have names, and says which stages nothing uses", async () => {
    const text = `name: first\n${linear(models[0], models[1], 0.5)}---\nname: spare\n${linear(models[0], models[2], 0.5)}---\nname: last\n${linear("first", models[2], 0.5)}`;
    const report = await batch(write("named.yml", text), { out });
    expect(stages(report)).toEqual({ first: "made" });
    expect(report.entries[0]?.warnings).toContain("nothing uses the stage spare: it is not merged");
    expect(readFileSync(join(out, "mergekit_config.yml"), "utf8")).not.toContain("name:");
  });

  it("fails with the stage's name, and leaves no output", async () => {
    write("stages.yml", diamond().replace(models[1] ?? "", "/no/such/model"));
    const report = await batch(recipe, { out });
    expect(report.firstError).toMatchObject({ code: "BAD_INPUT" });
    expect(report.firstError?.message).toMatch(/the stage (left|right): the stage root: .*\/no\/such\/model/);
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    [
      "a circle",
      () => `name: x\n${linear("y", models[0], 0.5)}---\nname: y\n${linear("x", models[0], 0.5)}`,
      /y -> x -> y/,
      7,
    ],
    [
      "itself",
      () => `name: x\n${linear("x", models[0], 0.5)}---\n${linear("x", models[0], 0.5)}`,
      /`x` uses its own result/,
      1,
    ],
    [
      "one name twice",
      () => `name: x\n${linear(models[1], models[0], 0.5)}---\nname: x\n${linear("x", models[0], 0.5)}`,
      /the name `x` twice/,
      7,
    ],
    [
      "two finals",
      () => `${linear(models[1], models[0], 0.5)}---\n${linear(models[1], models[0], 0.5)}`,
      /two documents without a `name`/,
      6,
    ],
    [
      "a name that leads out",
      () => `name: ../x\n${linear(models[1], models[0], 0.5)}`,
      /cannot be the name of a stage/,
      1,
    ],
    [
      "an error in a stage",
      () => `name: x\n${linear(models[1], models[0], 0.5)}---\nmerge_method: linaer\nmodels: [{model: x}]\n`,
      /linaer/,
      7,
    ],
  ])("is refused with %s, with the line", async (_what, text, message, line) => {
    const { firstError } = await batch(write("bad.yml", text()), { out });
    expect(firstError?.message).toMatch(message);
    expect(firstError).toMatchObject({ code: "BAD_RECIPE", file: join(folder, "bad.yml"), line });
  });
});
