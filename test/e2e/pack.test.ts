// Installs the packed tarballs in an empty folder, as a user does, and uses them: command, import, require, types.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { PREBUILT_PLATFORMS } from "../../lib/addon/load.js";
import { brokenLinks } from "./brokenLinks.js";
import { demoAdapter, demoModel, root, temporaryFolder } from "./command.js";

const platform = `${process.platform}-${process.arch}`;
const folder = temporaryFolder();
const user = join(folder, "user");
const tarballs = join(folder, "tarballs");
// What a user's shell does not have: the loader must find the installed addon by itself.
const { RETEMPER_ADDON: _addon, NODE_PATH: _path, ...environment } = process.env;

function run(command: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: user, env: environment, encoding: "utf8" });
  return { status, stdout, stderr };
}

beforeAll(() => {
  mkdirSync(user);
  execFileSync(process.execPath, [join(root, "scripts/pack.mjs"), "--local", "--out", tarballs], { stdio: "pipe" });
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(
    join(user, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module", dependencies }),
  );
  putDependencies();
  // engine-strict: a dependency that is not for this Node fails the installation instead of warning
  const args = ["install", "--offline", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund", ...files()];
  const { status, stderr } = run("npm", args);
  if (status !== 0) throw new Error(`npm install failed:\n${stderr}`);
}, 300_000);

/** The tarballs' paths, what others need first. */
function files(): string[] {
  const rank = (name: string) => (name.includes(platform) ? 0 : name.includes("core") ? 1 : 2);
  return readdirSync(tarballs)
    .sort((a, b) => rank(a) - rank(b))
    .map((name) => join(tarballs, name));
}

/**
 * The checkout's production dependencies as they would be after their own installation: npm keeps what is in
 * node_modules, fits and has its bin links, so the network is not needed.
 */
function putDependencies(): void {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; bin?: Record<string, string> }>;
  };
  const bin = join(user, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "" || entry.dev || entry.devOptional || !existsSync(join(root, path))) continue;
    cpSync(join(root, path), join(user, path), { recursive: true });
    for (const [name, file] of Object.entries(entry.bin ?? {})) {
      symlinkSync(join("..", path.slice("node_modules/".length), file), join(bin, name));
    }
  }
}

describe("the packed packages", () => {
  it("are three tarballs named after package, platform and version", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(readdirSync(tarballs).sort()).toEqual(
      [`retemper-${version}.tgz`, `retemper-core-${version}.tgz`, `retemper-${platform}-${version}.tgz`].sort(),
    );
  });

  it("install without any script, each with its licence", () => {
    for (const name of ["retemper", "@retemper/core", `@retemper/${platform}`]) {
      const installed = join(user, "node_modules", name);
      const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
      for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
        expect(manifest.scripts?.[script]).toBeUndefined();
      }
      expect(existsSync(join(installed, "LICENSE"))).toBe(true);
      expect(existsSync(join(installed, "binding.gyp"))).toBe(false);
    }
  });

  it("keep the platforms' packages optional, in step, and each for its platform only", () => {
    const main = JSON.parse(readFileSync(join(user, "node_modules/retemper/package.json"), "utf8"));
    const core = JSON.parse(readFileSync(join(user, "node_modules/@retemper/core/package.json"), "utf8"));
    const addon = JSON.parse(readFileSync(join(user, `node_modules/@retemper/${platform}/package.json`), "utf8"));
    const platforms = PREBUILT_PLATFORMS.map((name) => [`@retemper/${name}`, main.version]);
    expect(core.optionalDependencies).toEqual(Object.fromEntries(platforms));
    expect(main.optionalDependencies).toBeUndefined();
    expect(main.dependencies["@retemper/core"]).toBe(main.version);
    expect(core.version).toBe(main.version);
    expect(addon).toMatchObject({ version: main.version, os: [process.platform], cpu: [process.arch] });
    if (process.platform === "linux") expect(addon.libc).toEqual(["glibc"]);
  });

  it("have no file twice", () => {
    const modules = (name: string) =>
      readdirSync(join(user, "node_modules", name, "dist"), { recursive: true, encoding: "utf8" }).filter((file) =>
        /\.(js|ts|json|py)$/.test(file),
      );
    const core = new Set(modules("@retemper/core"));
    expect(core).toContain("merge/merge.js");
    expect(modules("retemper")).toContain("index.js");
    // but for a subpath whose entry is the core's: a line that names it
    const both = modules("retemper").filter((file) => core.has(file));
    expect(both.sort()).toEqual(["entries/merge.d.ts", "entries/merge.js"]);
    for (const file of both) {
      const text = readFileSync(join(user, "node_modules/retemper/dist", file), "utf8");
      expect(text).toBe('export * from "@retemper/core/internal/entries/merge.js";\n');
    }
  });

  it("are one library: errors of the core are instances of the class that retemper exports", () => {
    const code = `
      import * as all from "retemper";
      import * as core from "@retemper/core";
      import * as merging from "retemper/merge";
      import { RetemperError } from "retemper/tune";
      const different = Object.keys(core).filter((name) => core[name] !== all[name] || core[name] !== merging[name]);
      const error = await core.inspect("absent").catch((error) => error);
      console.log(JSON.stringify([different, error instanceof RetemperError, error instanceof all.RetemperError]));`;
    const { status, stdout, stderr } = run(process.execPath, ["--input-type=module", "-e", code]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "[[],true,true]\n", stderr: "" });
  });

  it("merge with the core, its addon and their dependencies alone, by retemper-core", () => {
    const alone = join(folder, "alone");
    const wanted = new Set(["@retemper/core", `@retemper/${platform}`]);
    for (const name of wanted) {
      const from = join(user, "node_modules", name);
      const { dependencies } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
      for (const dependency of Object.keys(dependencies ?? {})) wanted.add(dependency);
      cpSync(from, join(alone, "node_modules", name), { recursive: true });
    }
    expect([...wanted]).not.toContain("fastify");
    const recipe = join(folder, "alone.json");
    writeFileSync(recipe, JSON.stringify({ merge_method: "passthrough", models: [{ model: demoModel }] }));
    const command = join(alone, "node_modules/@retemper/core/dist/cli/coreMain.js");
    expect(run(process.execPath, [command, "merge", recipe, join(alone, "out")])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(run(process.execPath, [command, "verify", join(alone, "out")])).toMatchObject({ status: 0 });
    expect(run(process.execPath, [command, "tune"]).stderr).toContain("unknown command 'tune'");
  });

  it("have the documents, and every file and heading that these link to", () => {
    const installed = join(user, "node_modules/retemper");
    const all = readdirSync(installed, { recursive: true, encoding: "utf8" });
    const files = all.filter((name) => !name.startsWith("node_modules"));
    const documents = files.filter((name) => name.endsWith(".md"));
    expect(documents).toEqual(
      expect.arrayContaining(["README.md", "CHANGELOG.md", "docs/recipes.md", "docs/library.md"]),
    );
    expect(documents.flatMap((name) => brokenLinks(installed, name))).toEqual([]);
    expect(files.filter((name) => name.startsWith("docs") && name.endsWith(".html"))).toEqual([]);
  });

  it("merge, verify and inspect by the installed command", () => {
    const models = [
      { model: demoModel, parameters: { weight: 0.5 } },
      { model: `${demoModel}+${demoAdapter}`, parameters: { weight: 0.5 } },
    ];
    writeFileSync(join(user, "recipe.json"), JSON.stringify({ merge_method: "linear", models }));
    const command = join(user, "node_modules/.bin/retemper");
    expect(run(command, ["merge", "recipe.json", "merged"])).toMatchObject({ status: 0, stderr: "" });
    expect(run(command, ["verify", "merged"])).toMatchObject({ status: 0 });
    expect(run(command, ["inspect", "merged"]).stdout).toMatch(/family\s+LlamaForCausalLM/);
  });

  it("run a model in its thread, by the installed command", () => {
    const command = join(user, "node_modules/.bin/retemper");
    const args = ["generate", demoModel, "--prompt", "Hello", "--max-new-tokens", "3", "--quiet"];
    const { status, stdout, stderr } = run(command, args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ index: 0, sample: 0 });
  });

  it("play with a merge: the page's files come with the package", async () => {
    const args = ["play", `${demoModel}+${demoAdapter}`, "--no-open", "--port", "0", "--json"];
    const server = spawn(join(user, "node_modules/.bin/retemper"), args, { cwd: user, env: environment });
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    const { page } = JSON.parse(line.split("\n", 1)[0] as string) as { page: string };
    for (const file of ["", "app.js", "app.css"]) expect((await fetch(page + file)).status).toBe(200);
    expect(await (await fetch(`${page}api/facts`)).json()).toMatchObject({ lambdaRange: [0, 1] });
    server.kill("SIGTERM");
    expect(await once(server, "close")).toEqual([0, null]);
  });

  it("can be imported", () => {
    const code = `import { inspect } from "retemper"; console.log((await inspect(process.argv[1])).family)`;
    const { status, stdout, stderr } = run(process.execPath, ["--input-type=module", "-e", code, demoModel]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "LlamaForCausalLM (llama)\n", stderr: "" });
  });

  it("can be required", () => {
    const code = `require("retemper").inspect(process.argv[1]).then(({ family }) => console.log(family))`;
    const { status, stdout } = run(process.execPath, ["--input-type=commonjs", "-e", code, demoModel]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "LlamaForCausalLM (llama)\n" });
  });

  it("have types that a strict consumer compiles against, and that find mistakes", () => {
    mkdirSync(join(user, "node_modules/@types"), { recursive: true });
    for (const name of ["@types/node", "undici-types"]) {
      if (!existsSync(join(user, "node_modules", name))) {
        symlinkSync(join(root, "node_modules", name), join(user, "node_modules", name));
      }
    }
    const options = { strict: true, module: "nodenext", target: "es2023", noEmit: true, types: ["node"] };
    writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["consumer.ts"] }));
    const good = `
      import { merge, plan, inspect, verify, RetemperError, type MergeReport, type Recipe } from "retemper";
      const recipe: Recipe = { merge_method: "linear", models: [{ model: "a", parameters: { weight: 1 } }] };
      const report: MergeReport = await merge(recipe, "out", {
        signal: new AbortController().signal,
        onProgress: ({ done, total }) => console.log((done / total).toFixed(2)),
      });
      const names: string[] = (await inspect("a")).tensors.map(({ name }) => name);
      const ok: boolean = (await verify(report.out)).ok;
      const bytes: number = (await plan(recipe)).estimate.bytesWritten;
      console.log(names, ok, bytes, new RetemperError("USAGE", "x").exitStatus);
    `;
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    writeFileSync(join(user, "consumer.ts"), good);
    expect(run(process.execPath, [tsc, "-p", "."])).toMatchObject({ status: 0, stdout: "" });
    writeFileSync(join(user, "consumer.ts"), good.replace("const ok: boolean", "const ok: string"));
    expect(run(process.execPath, [tsc, "-p", "."]).stdout).toContain("TS2322");
  });

  it("list what was tried, and what to do, when the platform package is missing", () => {
    const bare = join(folder, "bare");
    cpSync(join(user, "node_modules"), join(bare, "node_modules"), { recursive: true });
    rmSync(join(bare, "node_modules/@retemper", platform), { recursive: true });
    const command = join(bare, "node_modules/retemper/dist/cli/main.js");
    const { status, stderr } = run(process.execPath, [command, "inspect", demoModel]);
    expect(status).toBe(1);
    expect(stderr).toContain("build/Release/retemper.node");
    expect(stderr).toContain(`@retemper/${platform}`);
    expect(stderr).toContain("--include=optional @retemper/core");
  });

  it.runIf(process.platform === "linux")("need no library but glibc's", () => {
    const addon = join(user, `node_modules/@retemper/${platform}/retemper.node`);
    const { stdout } = spawnSync("ldd", [addon], { encoding: "utf8" });
    const names = stdout.split("\n").flatMap((line) => line.match(/^\s+(?:\/\S*\/)?(\S+\.so\S*)/)?.[1] ?? []);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(name).toMatch(/^(linux-vdso|ld-linux-[\w-]+|libc|libm|libdl|libpthread|librt)\.so/);
    }
  });
});
