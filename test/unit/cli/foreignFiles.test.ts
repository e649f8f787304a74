// Files that are not what the command was promised: each is refused in words that say what it is and what helps.

import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { runHere } from "./inProcess.js";

const demo = fileURLToPath(new URL("../../../demo", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "retemper-forms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A copy of the demo's model with other values in its config.json. */
function model(name: string, config: object): string {
  const place = join(folder, name);
  cpSync(join(demo, "model"), place, { recursive: true });
  const path = join(place, "config.json");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...config }));
  return place;
}

const linear = (path: string) => `merge_method: linear\nmodels: [{model: ${path}, parameters: {weight: 1}}]\n`;
const said = ({ status, stderr }: { status: number; stderr: string }) => ({ status, stderr });

/** Ten lists of ten of the list before, and so on. */
const BOMB = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
  .concat(Array.from({ length: 8 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(", ")}]`))
  .join("\n");

describe("a recipe", () => {
  it("of endless zeros is refused at its limit", async () => {
    const { status, stderr } = await runHere(["plan", "/dev/zero"]);
    expect({ status, stderr }).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/\/dev\/zero: more than \d+ bytes are too many for a recipe/),
    });
  });

  it("comes through a pipe as well", async () => {
    const fifo = join(folder, "recipe.fifo");
    execFileSync("mkfifo", [fifo]);
    const writer = spawn("sh", ["-c", 'printf %s "$0" > "$1"', linear(join(demo, "model")), fifo]);
    const planned = await runHere(["plan", fifo, "--json"]);
    expect(said(planned)).toMatchObject({ status: 0 });
    writer.kill();
  });
});

describe("aliases that grow out of bounds", () => {
  it.each([
    ["plan", "recipe", `merge_method: linear\nmodels: []\n${BOMB}`],
    ["run", "experiment", `name: x\n${BOMB}`],
    ["batch", "manifest", `- {recipe: a, out: b}\n- ${BOMB.replaceAll("\n", "\n  ")}`],
  ])("are refused by %s with exit code 3 and the line", async (command, noun, text) => {
    const path = written(`${noun}-bomb.yml`, text);
    const { status, stderr } = await runHere([command, path]);
    expect({ status, stderr }).toMatchObject({ status: 3 });
    expect(stderr).toMatch(
      new RegExp(
        `^error: .*${noun}-bomb\\.yml:\\d+:\\d+: the ${noun} expands to more than \\d+ values( by its aliases)?`,
        "m",
      ),
    );
  });
});

describe("rows", () => {
  const evaluate = (file: string) => runHere(["evaluate", join(demo, "model"), "--suite", `safety:${file}`]);

  it.each([
    [
      "a gzip bomb",
      "bomb.jsonl.gz",
      () => gzipSync(Buffer.alloc(64 * 2 ** 20)),
      /this is too long: it unpacks to more than 300 times/,
    ],
    [
      "a line of JSON",
      "line.jsonl",
      () => Buffer.from(`{"prompt": "a"}\n{"prompt": "${"x".repeat(65 * 2 ** 20)}"}\n`),
      /line\.jsonl:2: this line is too long/,
    ],
    [
      "a cell",
      "cell.csv",
      () => Buffer.from(`prompt\n"${"x\n".repeat(34 * 2 ** 20)}"\n`),
      /cell\.csv:\d+: this row is too long: its cells have more than/,
    ],
    [
      "bytes that are no UTF-8",
      "latin1.jsonl",
      () => Buffer.from([0x7b, 0x7d, 0x0a, 0xff]),
      /latin1\.jsonl:2: the text is not UTF-8/,
    ],
  ])("with %s are told what they are", async (_, name, content, message) => {
    const { status, stderr } = await evaluate(written(name, content()));
    expect({ status, stderr }).toMatchObject({ status: 4, stderr: expect.stringMatching(message) });
  });
});

describe("a configuration", () => {
  it.each([
    ["a negative window", { sliding_window: -4096 }, /sliding_window is -4096, not a whole number of at least 0/],
    ["a million layers' types", { layer_types: Array(1_000_000).fill("a") }, /layer_types has 1000000 entries/],
    ["half a layer", { num_hidden_layers: 1.5 }, /num_hidden_layers is 1\.5, not a positive whole number/],
  ])("with %s is refused by every command, with the file and the key", async (what, changes, message) => {
    const place = model(`config ${what}`, changes);
    const recipe = written("of-config.yml", linear(JSON.stringify(place)));
    for (const args of [
      ["inspect", place],
      ["plan", recipe],
      ["generate", place, "--prompt", "a"],
    ]) {
      const ran = await runHere(args);
      expect({ args, ...said(ran) }).toMatchObject({ status: 4, stderr: expect.stringMatching(message) });
      expect(ran.stderr).toContain("config.json");
    }
  });

  it("whose types of layers are not as many as its layers is not run", async () => {
    const place = model("types", { model_type: "qwen2", use_sliding_window: true, layer_types: ["full_attention"] });
    const { status, stderr } = await runHere(["generate", place, "--prompt", "a"]);
    expect({ status, stderr }).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/layer_types has 1 entries for \d+ layers/),
    });
  });
});

describe("a model that cannot be run", () => {
  const generate = (path: string) => runHere(["generate", path, "--prompt", "a"]);

  it.each([
    [
      "a GPTQ folder",
      "gptq",
      (place: string) =>
        cpSync(model("gptq-of", { quantization_config: { quant_method: "gptq" } }), place, { recursive: true }),
      /the model is quantised: gptq/,
    ],
  ])("is told what it is, and nothing of merges (%s)", async (_, name, fill, message) => {
    const place = join(folder, name);
    mkdirSync(place);
    fill(place);
    const { status, stderr } = await generate(place);
    expect({ status, stderr }).toMatchObject({ status: 4, stderr: expect.stringMatching(message) });
    expect(stderr).toMatch(/^hint: .*--endpoint/m);
    expect(stderr).not.toMatch(/merg/i);
  });

  it("by a GGUF file that is cut off says so, alone and in a folder", async () => {
    const file = written("m.gguf", "GGUF");
    const place = join(folder, "gguf");
    mkdirSync(place);
    writeFileSync(join(place, "model.gguf"), "GGUF");
    for (const model of [file, place]) {
      expect(said(await generate(model))).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(/\.gguf: the file ends within its header/),
      });
    }
  });
});

describe("a name that is not there", () => {
  it("is not looked for on the hub where it is a path with a slip; what may be meant is named", async () => {
    mkdirSync(join(folder, "models/merged"), { recursive: true });
    for (const path of [join(folder, "models/mergde"), "demo/modle", "./demo/modle", "modle", "demo/model.gguf"]) {
      const { status, stderr } = await runHere(["inspect", path]);
      expect({ path, status, stderr }).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(/^hint: Check the path/m),
      });
      expect(stderr).not.toContain("retemper pull");
    }
    expect((await runHere(["inspect", join(folder, "models/mergde")])).stderr).toContain(
      `Is ${join(folder, "models/merged")} meant?`,
    );
    for (const text of ["a@b@c", "a+b+c", "@main", ""]) {
      const { status, stderr } = await runHere(["inspect", text]);
      expect({ text, status, stderr }).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(/^hint: a model is/m),
      });
    }
    expect((await runHere(["inspect", "org/name"])).stderr).toMatch(
      /^hint: Download it first: retemper pull org\/name/m,
    );
  });
});

describe("data that cannot be had", () => {
  const source = "hf://datasets/org/name/rows.jsonl";
  const data = (env: Record<string, string>) => {
    const kept = { ...process.env };
    Object.assign(process.env, { HF_HOME: join(folder, "hub"), HF_HUB_CACHE: "", ...env });
    return runHere(["data", "magicoder", join(folder, "data"), "--source", source]).finally(() => {
      for (const name of ["HF_HOME", "HF_HUB_CACHE", ...Object.keys(env)]) {
        if (kept[name] === undefined) delete process.env[name];
        else process.env[name] = kept[name];
      }
    });
  };

  it("for HF_HUB_OFFLINE names it, and its value", async () => {
    const { status, stderr } = await data({ HF_HUB_OFFLINE: "1" });
    expect({ status, stderr }).toMatchObject({ status: 11 });
    expect(stderr).toMatch(/is not in the cache .*, and HF_HUB_OFFLINE=1 is set/);
    expect(stderr).toMatch(/^hint: unset HF_HUB_OFFLINE once/m);
  });
});
