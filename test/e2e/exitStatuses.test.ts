// The command's exit statuses for what the machine lacks: space, permission, open files, memory.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { demoModel, main, run, temporaryFolder } from "./command.js";
import { languageModel, writeModel } from "./mergeModels.js";

const folder = temporaryFolder();
const recipe = join(folder, "recipe.json");
const models = [demoModel, demoModel].map((model) => ({ model, parameters: { weight: 0.5 } }));
writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models }));

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
