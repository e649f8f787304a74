// The command's exit statuses for what the machine lacks: space, permission, open files, memory.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runHere } from "../unit/cli/inProcess.js";
import { demoModel, main, run, temporaryFolder } from "./command.js";
import { languageModel, writeModel } from "./mergeModels.js";

const folder = temporaryFolder();
const recipe = join(folder, "recipe.json");
const models = [demoModel, demoModel].map((model) => ({ model, parameters: { weight: 0.5 } }));
writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models }));

const prompts = join(folder, "prompts.txt");
writeFileSync(prompts, Array.from({ length: 400 }, (_, at) => `The sea ${at}\n`).join(""));
const rows = join(folder, "rows.jsonl");
writeFileSync(rows, `${JSON.stringify({ prompt: "The sea", response: "is wide" })}\n`.repeat(4));

/** Command lines that write below `place`. */
function writers(place: string): string[][] {
  const out = join(place, "x/out");
  const few = ["--max-new-tokens", "2", "--engine", "native"];
  return [
    ["generate", demoModel, "--prompts", prompts, ...few, "--out", `${out}.jsonl`],
    ["evaluate", demoModel, "--suite", `perplexity:${prompts}`, "--engine", "native", "--out", out],
    ["tune", demoModel, rows, out, "--max-steps", "1", "--rank", "64", "--engine", "native", "--validation", "0"],
  ];
}

/** In a process of its own, under a limit of the shell's. */
function underLimit(limit: string, args: readonly string[]): { status: number | null; stderr: string } {
  const words = args.map((arg) => `'${arg}'`).join(" ");
  const shell = `ulimit ${limit}; exec '${process.execPath}' '${main}' ${words}`;
  return spawnSync("sh", ["-c", shell], { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
}

/** Mounts a file system of its own at `place`; false where this process must not. */
function mount(place: string, options: string): boolean {
  mkdirSync(place);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", place], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("the command ends with", () => {
  it("6 on a disk that is too small, and says need and free space", async ({ skip }) => {
    const place = join(folder, "small");
    if (!mount(place, "size=256k")) skip("mounting a small file system needs more rights than this run has");
    try {
      const { status, stderr } = await run(["merge", recipe, join(place, "out")]);
      expect(status).toBe(6);
      expect(stderr).toMatch(/needs .* are free/);
      expect(stderr).toMatch(/^hint: /m);
      expect(readdirSync(place)).toEqual([]);
    } finally {
      execFileSync("umount", [place]);
    }
  });

  it("7 on a read-only file system, and says what to do", async ({ skip }) => {
    const place = join(folder, "read-only");
    if (!mount(place, "ro,size=64m")) skip("mounting a read-only file system needs more rights than this run has");
    try {
      const { status, stderr } = await run(["merge", recipe, join(place, "out")]);
      expect(status).toBe(7);
      expect(stderr).toMatch(/^hint: .*another (output )?folder/m);
    } finally {
      execFileSync("umount", [place]);
    }
  });

  it("7 on a read-only file system, whatever writes there", async ({ skip }) => {
    const place = join(folder, "read-only-too");
    if (!mount(place, "ro,size=64m")) skip("mounting a read-only file system needs more rights than this run has");
    try {
      for (const args of writers(place)) {
        const { status, stderr } = await runHere(args);
        expect({ args, status, stderr }).toMatchObject({ status: 7 });
        expect(stderr).toMatch(/^error: .*read-only/im);
        expect(stderr).toMatch(/^hint: .*another (output )?folder/m);
      }
    } finally {
      execFileSync("umount", [place]);
    }
  });

  it("6 on a full disk, whatever writes there, with the file and what to do", async ({ skip }) => {
    const place = join(folder, "full");
    if (!mount(place, "size=64k")) skip("mounting a small file system needs more rights than this run has");
    try {
      for (const args of writers(place)) {
        rmSync(join(place, "x"), { recursive: true, force: true });
        mkdirSync(join(place, "x"));
        writeFileSync(join(place, "filler"), Buffer.alloc(56 * 1024));
        const { status, stderr } = await runHere(args);
        expect({ args, status, stderr }).toMatchObject({ status: 6 });
        expect(stderr).toContain(join(place, "x"));
        expect(stderr).toMatch(/^hint: .*free some space/m);
      }
    } finally {
      execFileSync("umount", [place]);
    }
  });

  it("6 where files may not be so large (ulimit -f), and names the limit", () => {
    const out = join(folder, "limited.jsonl");
    const args = ["generate", demoModel, "--prompts", prompts, "--max-new-tokens", "24", "--out", out];
    const { status, stderr } = underLimit("-f 4", args);
    expect({ status, stderr }).toMatchObject({ status: 6 });
    expect(stderr).toMatch(/^error: .*limited\.jsonl/m);
    expect(stderr).toMatch(/^hint: .*ulimit -f/m);
  });

  it("7 where not even the program's own files can be opened, and names the limit", () => {
    const { status, stderr } = underLimit("-n 40", ["inspect", demoModel]);
    expect({ status, stderr }).toEqual({
      status: 7,
      stderr: expect.stringMatching(/^error: too many open files.*\n.*ulimit -n/),
    });
  });

  it("7 where the place for temporary files is not there, and names TMPDIR", async () => {
    const recipe = join(folder, "virtual.json");
    writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models }));
    const { status, stderr } = await run(["generate", recipe, "--prompt", "a"], { TMPDIR: join(folder, "none") });
    expect({ status, stderr }).toMatchObject({ status: 7 });
    expect(stderr).toMatch(/^error: .*none: the folder for temporary files does not exist/m);
    expect(stderr).toMatch(/^hint: TMPDIR must name/m);
  });

  it("7 in a folder without the right to write, and says what to do", async ({ skip }) => {
    if (process.getuid?.() === 0) skip("the superuser may write everywhere");
    const place = join(folder, "forbidden");
    mkdirSync(place);
    chmodSync(place, 0o555);
    const { status, stderr } = await run(["merge", recipe, join(place, "out")]);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^hint: .*permissions/m);
    expect(readdirSync(place)).toEqual([]);
  });

  it("7 when there are more shards than files may be open, and names the limit", () => {
    const place = join(folder, "many");
    const { "model.norm.weight": norm } = languageModel(1);
    const names = Array.from({ length: 400 }, (_, at) => `t${at}.weight`);
    const map = Object.fromEntries(names.map((name, at) => [name, `model-${at}.safetensors`]));
    for (const [at, name] of names.entries()) {
      writeModel(join(place, `${at}`), { [name]: norm as NonNullable<typeof norm> });
      renameSync(join(place, `${at}`, "model.safetensors"), join(place, `model-${at}.safetensors`));
    }
    writeFileSync(join(place, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
    const many = join(folder, "many.json");
    writeFileSync(many, JSON.stringify({ merge_method: "passthrough", models: [{ model: place }] }));
    const outputs = join(folder, "outputs");
    mkdirSync(outputs);
    const shell = `ulimit -n 256; exec ${process.execPath} ${main} merge ${many} ${join(outputs, "out")} --reading pread`;
    let failure: { status?: number; stderr?: Buffer } = {};
    try {
      execFileSync("sh", ["-c", shell], { stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      failure = error as typeof failure;
    }
    expect(failure, String(failure.stderr)).toMatchObject({ status: 7 });
    expect(String(failure.stderr)).toMatch(/ulimit -n/);
    expect(readdirSync(outputs)).toEqual([]);
  });

  it("8 when the allowed memory is too little, and says how much is needed", async () => {
    const outputs = join(folder, "tight");
    mkdirSync(outputs);
    const { status, stderr } = await run(["merge", recipe, join(outputs, "out"), "--max-memory", "64K"]);
    expect(status).toBe(8);
    expect(stderr).toMatch(/needs at least .* memory/);
    expect(stderr).toMatch(/^hint: raise --max-memory/m);
    expect(readdirSync(outputs)).toEqual([]);
  });
});
