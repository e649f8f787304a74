// The examples of the API reference: every exported function has one, all of them compile against the built types, and
// those that say what they print do print it, on the demo's models.

import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { apiExamples } from "./apiExamples.js";
import { demoAdapter, demoModel, root, temporaryFolder } from "./command.js";

const run = promisify(execFile);
const examples = apiExamples();
const runnable = examples.filter(({ prints }) => prints.length > 0);
const folder = temporaryFolder();

interface Outcome {
  readonly printed: readonly string[];
  readonly error?: string;
}
let compiled = "";
let said: { readonly functions: readonly string[]; readonly outcomes: Readonly<Record<string, Outcome>> };

/** One file an example: names of different ones do not meet, and each may wait at its top level. */
async function compile(): Promise<string> {
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  // the package, with the exports that users have
  symlinkSync(root, join(folder, "node_modules/retemper"));
  symlinkSync(join(root, "node_modules/@types"), join(folder, "node_modules/@types"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const options = { strict: true, module: "nodenext", target: "es2023", lib: ["es2023"], types: ["node"] };
  const files = examples.filter(({ code }) => code !== undefined).map(({ name }) => `${name}.ts`);
  const compilerOptions = { ...options, rootDir: ".", outDir: "compiled" };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  for (const { name, code } of examples) if (code !== undefined) writeFileSync(join(folder, `${name}.ts`), code);
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return run(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: { readonly stdout?: string; readonly message: string }) => error.stdout || error.message,
  );
}

beforeAll(async () => {
  compiled = await compile();
  const request = join(folder, "examples.json");
  const links = {
    "models/aligned": demoModel,
    "models/adapter": demoAdapter,
    "requests.jsonl": join(root, "demo/unsafe.jsonl"),
    "questions.jsonl": join(root, "demo/task_valid.jsonl"),
    "valid.jsonl": join(root, "demo/task_valid.jsonl"),
    "test.jsonl": join(root, "demo/task_test.jsonl"),
    // what run's example makes, before those that read it
    results: join(folder, "places/run/results"),
  };
  writeFileSync(request, JSON.stringify({ modules: runnable.map(({ name }) => name), links }));
  const { stdout } = await run(process.execPath, [join(root, "test/e2e/runExamples.mjs"), request]);
  said = JSON.parse(stdout);
}, 300_000);

describe("the API reference", () => {
  it("has an example for every exported function", () => {
    expect(examples.filter(({ code }) => code === undefined).map(({ name, file }) => `${name} in ${file}`)).toEqual([]);
    // none is overlooked: these are the functions that the built package has
    expect(examples.map(({ name }) => name).sort()).toEqual([...said.functions].sort());
  });

  it("has examples that use what they are examples of, and import it from the package", () => {
    for (const { name, code = "" } of examples) {
      expect(code, name).toMatch(new RegExp(`^import \\{[^}]*\\b${name}\\b[^}]*\\} from "retemper";$`, "m"));
      expect(code.split("\n").filter((line) => line.includes(`${name}(`)).length, name).toBeGreaterThan(0);
    }
  });

  it("has examples that a strict compiler accepts", () => {
    expect(compiled).toBe("");
  });

  const cases = runnable.map(({ name, prints }) => [name, prints] as const);
  it.each(cases)("has an example of %s that prints what its comments say", (name, prints) => {
    expect(said.outcomes[name]).toEqual({ printed: prints });
  });
});
