// Nothing of a model is executed, by any command: a folder full of code that would leave a mark wherever it ran.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { demoAdapter, demoModel, run } from "../e2e/command.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-canary-"));
const mark = join(folder, "ran");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A pickle that calls os.system when it is loaded: protocol 0, written by hand. */
const pickle = Buffer.from(`cposix\nsystem\n(S'touch "${mark}"'\ntR.`);
const code = `open(${JSON.stringify(mark)}, "w").close()\n`;
const script = `require("fs").writeFileSync(${JSON.stringify(mark)}, "");\n`;

/** A model that loads, with code in every place where something might run it. */
function model(name: string, weights: boolean, pickleName = "model.safetensors"): string {
  const place = join(folder, name);
  cpSync(demoModel, place, { recursive: true });
  const config = JSON.parse(readFileSync(join(place, "config.json"), "utf8")) as object;
  const auto = {
    AutoConfig: "canary.Config",
    AutoModelForCausalLM: "canary.Model",
    AutoTokenizer: ["canary.Slow", "canary.Fast"],
  };
  writeFileSync(join(place, "config.json"), JSON.stringify({ ...config, auto_map: auto, trust_remote_code: true }));
  const tokenizer = JSON.parse(readFileSync(join(place, "tokenizer_config.json"), "utf8")) as object;
  writeFileSync(join(place, "tokenizer_config.json"), JSON.stringify({ ...tokenizer, auto_map: auto }));
  for (const file of ["canary.py", "modeling_canary.py", "conftest.py", "sitecustomize.py"])
    writeFileSync(join(place, file), code);
  for (const file of ["index.js", "canary.js", "package.json"]) {
    writeFileSync(
      join(place, file),
      file === "package.json" ? '{"main":"index.js","scripts":{"install":"node index.js"}}' : script,
    );
  }
  for (const file of ["pytorch_model.bin", "training_args.bin", "optimizer.pt"])
    writeFileSync(join(place, file), pickle);
  if (!weights) {
    rmSync(join(place, "model.safetensors"));
    writeFileSync(join(place, pickleName), pickle);
  }
  return place;
}

const recipe = (one: string) => {
  const file = join(folder, `${readdirSync(folder).length}.json`);
  const models = [one, demoModel].map((each) => ({ model: each, parameters: { weight: 0.5 } }));
  writeFileSync(file, JSON.stringify({ merge_method: "linear", models }));
  return file;
};

describe("code of a model", () => {
  it("leaves its mark where it is run, so that its absence says something", ({ skip }) => {
    try {
      execFileSync("python3", ["-c", "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"], { input: pickle });
    } catch {
      return skip("there is no Python here that would run the pickle");
    }
    expect(existsSync(mark)).toBe(true);
    rmSync(mark);
  });

  it.each([
    ["with weights that can be read", true, undefined],
    ["whose weights are a pickle by another name", false, "model.safetensors"],
    ["whose weights are a pickle by its own name", false, "pytorch_model.bin"],
  ])("is not run by any command, of a model %s", async (name, weights, pickleName) => {
    const place = model(name.replaceAll(" ", "-"), weights, pickleName);
    const ended = await Promise.all([
      run(["inspect", place]),
      run(["plan", recipe(place)]),
      run(["merge", recipe(place), join(folder, `out-${name.length}-${weights}`)]),
      run(["generate", place, "--prompt", "Hello", "--max-new-tokens", "1", "--engine", "native"]),
    ]);
    for (const { status, stderr } of ended) {
      expect(status, stderr).toBe(weights ? 0 : 4);
      if (!weights) expect(stderr).toMatch(pickleName === "pytorch_model.bin" ? /asks for posix\.system/ : /pickle/);
    }
    if (weights)
      expect(
        readdirSync(join(folder, `out-${name.length}-true`)).filter((file) => /\.(py|js|bin|pt)$/.test(file)),
      ).toEqual([]);
    expect(existsSync(mark)).toBe(false);
  });

  it("is not run of an adapter that is a pickle", async () => {
    const adapter = join(folder, "adapter");
    cpSync(demoAdapter, adapter, { recursive: true });
    rmSync(join(adapter, "adapter_model.safetensors"));
    writeFileSync(join(adapter, "adapter_model.bin"), pickle);
    const { status, stderr } = await run(["inspect", `${demoModel}+${adapter}`]);
    expect(status, stderr).toBe(4);
    expect(stderr).toMatch(/asks for posix\.system/);
    expect(existsSync(mark)).toBe(false);
  });
});
