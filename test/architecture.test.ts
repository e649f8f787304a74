// Checks who may know whom in lib/ against the module table of ARCHITECTURE.md, which this test reads.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lib = join(root, "lib");
const native = join(root, "native");

/** `| plan | errors, recipe (types) | ... |` of the table "Who may import whom": module -> module -> types only? */
const mayImport = new Map(
  [...section("Who may import whom").matchAll(/^\| `([a-z]+)` \| ([^|]*) \|/gm)].map(([, module, list]) => [
    module as string,
    new Map([...(list ?? "").matchAll(/`([a-z]+)`( \(types\))?/g)].map(([, name, types]) => [name as string, !!types])),
  ]),
);

function section(title: string): string {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const start = text.indexOf(`## ${title}`);
  if (start < 0) throw new Error(`ARCHITECTURE.md has no section "${title}"`);
  const end = text.indexOf("\n## ", start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name))
    .sort();
}

/** The folder under lib/ that a file belongs to; files in lib/ itself are modules of their own name. */
function moduleOf(file: string): string {
  return (relative(lib, file).split(sep)[0] as string).replace(/\.ts$/, "");
}

interface Import {
  readonly name: string;
  readonly typesOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const statements = text.matchAll(/\b(?:import|export)\b( type\b)?[^;"]*?(?:\bfrom\s*|\(\s*|\s)"([^"]+)"/g);
  return [...statements].map(([, types, name]) => ({ name: name as string, typesOnly: types !== undefined }));
}

/** The code of a file without its comments, for searches. */
function codeOf(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "$1");
}

const sources = filesIn(lib, /\.ts$/);

interface Closure {
  /** Names of packages, sorted; no modules of Node's own. */
  readonly packages: readonly string[];
  readonly visited: ReadonlySet<string>;
}

/** What `files` import, and what that imports, and so on, by the specifiers that `pattern` finds. */
function closureOf(files: readonly string[], pattern: RegExp): Closure {
  const packages = new Set<string>();
  const visited = new Set<string>();
  const visit = (file: string): void => {
    if (visited.has(file)) return;
    visited.add(file);
    for (const [, name = ""] of codeOf(file).matchAll(pattern)) {
      if (name.startsWith(".")) visit(resolve(dirname(file), name).replace(/\.js$/, ".ts"));
      else if (!name.startsWith("node:")) packages.add(name);
    }
  };
  for (const file of files) visit(file);
  return { packages: [...packages].sort(), visited };
}

/** `merge` and `batch` with all that the table lets them import, by way of others too. */
function modulesOfMerging(): string[] {
  const modules = new Set(["batch"]);
  for (const module of modules) for (const name of mayImport.get(module)?.keys() ?? []) modules.add(name);
  return [...modules].sort();
}

describe("the modules of lib", () => {
  it("are all in the table of ARCHITECTURE.md", () => {
    const modules = [...new Set(sources.map(moduleOf))].sort();
    expect([...mayImport.keys()].sort()).toEqual(modules);
  });

  it("import only what the table allows", () => {
    const breaches: string[] = [];
    for (const file of sources) {
      const module = moduleOf(file);
      for (const { name, typesOnly } of importsOf(file)) {
        if (!name.startsWith(".")) continue;
        const target = moduleOf(resolve(dirname(file), name).replace(/\.js$/, ".ts"));
        if (target === module) continue;
        const allowedTypesOnly = mayImport.get(module)?.get(target);
        if (allowedTypesOnly === undefined) breaches.push(`${relative(root, file)} imports ${name}`);
        else if (allowedTypesOnly && !typesOnly)
          breaches.push(`${relative(root, file)} imports more than types of ${name}`);
      }
    }
    expect(breaches).toEqual([]);
  });

  it("have no circle of files, types included", () => {
    const circles: string[][] = [];
    const done = new Set<string>();
    const follow = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) circles.push(path.slice(at).map((one) => relative(lib, one)));
      if (at >= 0 || done.has(file)) return;
      for (const { name } of importsOf(file)) {
        if (/^\..*\.js$/.test(name)) follow(resolve(dirname(file), name).replace(/js$/, "ts"), [...path, file]);
      }
      done.add(file);
    };
    for (const file of sources) follow(file, []);
    expect(circles).toEqual([]);
  });

  it("of lib/experiment import only from the folders that stand before theirs in ARCHITECTURE.md", () => {
    const experiment = join(lib, "experiment");
    const architecture = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
    const [, list = ""] = /in this order:\n(.*)\.$/m.exec(architecture) ?? [];
    const order = [...list.matchAll(/`([\w.]+)`/g)].map(([, name]) => (name as string).replace(/\.ts$/, ""));
    const placeOf = (file: string) =>
      order.indexOf((relative(experiment, file).split(sep)[0] as string).replace(/\.ts$/, ""));
    const own = sources.filter((file) => file.startsWith(experiment + sep));
    const breaches = own.flatMap((file) =>
      importsOf(file).flatMap(({ name }) => {
        const target = resolve(dirname(file), name).replace(/\.js$/, ".ts");
        if (!name.startsWith(".") || !target.startsWith(experiment + sep)) return [];
        return placeOf(target) >= 0 && placeOf(target) <= placeOf(file)
          ? []
          : [`${relative(lib, file)} imports ${name}`];
      }),
    );
    expect(own.filter((file) => placeOf(file) < 0).map((file) => relative(lib, file))).toEqual([]);
    expect(breaches).toEqual([]);
  });

  it("leave the process to lib/cli/runProcess.ts", () => {
    const allowed = /^lib\/cli\/runProcess\.ts$/;
    const withProcesses = [
      ...["addon/load", "output/lockHolder", "evaluate/sandbox/controlGroup", "evaluate/sandbox/killChildren"],
      "tokenizer/text/timeLimit",
    ].map((name) => `lib/${name}.ts`);
    const breaches = sources
      .map((file) => relative(root, file).split(sep).join("/"))
      .filter((file) => !allowed.test(file))
      .filter((file) => {
        // process.env names the hub's cache; the loader also has to know the system, a lock says which process has it, and
        // the sandbox names and ends what it started, and a time limit asks for processor time. Nothing else concerns a library.
        const imported = importsOf(join(root, file)).some(({ name }) => /^(node:)?process$/.test(name));
        if (imported && !withProcesses.includes(file)) return true;
        return /\bprocess\.(?!env\b)\w+|\bconsole\./.test(codeOf(join(root, file)));
      });
    expect(breaches).toEqual([]);
  });

  it("load at their start only what every program and the command need: engines, servers and plots come when they are asked for", () => {
    const atOnce = /^(?:import|export)\b(?! type\b)(?:[^;"=]*?\bfrom)?\s*"([^"]+)";/gm;
    // the first loads the others
    const start = ["main", "runProcess", "program", "render"].map((file) => join(lib, `cli/${file}.ts`));
    // a merge waits for no model's code
    const merge = closureOf([...start, join(lib, "cli/commands/merge.ts")], atOnce);
    expect([...merge.visited].map(moduleOf)).not.toContain("generate");
    const { packages, visited } = closureOf(
      [...start, ...sources.filter((file) => dirname(file) === join(lib, "cli/commands"))],
      atOnce,
    );
    expect(visited.has(join(lib, "index.ts"))).toBe(true);
    expect(packages).toEqual([
      "cli-progress",
      "commander",
      "csv-parse/sync",
      "fastest-levenshtein",
      "hyparquet",
      "jsonc-parser",
      "string-width",
      "yaml",
      "zod",
    ]);
  });

  it("of the package @retemper/core need only what merging needs, at their start and later", () => {
    const core = ["entries/merge", "cli/coreMain"].map((file) => join(lib, `${file}.ts`));
    const { packages, visited } = closureOf(
      core,
      /(?:^(?:im|ex)port\b[^;"=(]*?\bfrom\s*|^import\s*|\bimport\(\s*)"([^"]+)"/gm,
    );
    expect(packages).toEqual([
      "cli-progress",
      "commander",
      "fastest-levenshtein",
      "jsonc-parser",
      "string-width",
      "yaml",
      "zod",
    ]);
    const modules = [...new Set([...visited].map(moduleOf))].sort();
    expect(modules.filter((name) => !["entries", "cli"].includes(name))).toEqual(modulesOfMerging());
  });

  it("let plan neither read files nor know time or chance", () => {
    const breaches = sources
      .filter((file) => moduleOf(file) === "plan")
      .filter((file) => {
        const foreign = importsOf(file).filter(({ name }) => name.startsWith("node:"));
        return foreign.length > 0 || /\bDate\b|\bMath\.random\b|\bperformance\b/.test(codeOf(file));
      });
    expect(breaches).toEqual([]);
  });
});

describe("the native sources", () => {
  it("include napi.h only through the one header that sets its policy", () => {
    const including = filesIn(native, /\.(h|cc)$/)
      .filter((file) => /#include [<"]napi\.h[>"]/.test(readFileSync(file, "utf8")))
      .map((file) => relative(native, file).split(sep).join("/"));
    expect(including).toEqual(["napi/napi_setup.h"]);
  });

  it("keep the layers apart", () => {
    const forbidden: Readonly<Record<string, RegExp>> = {
      core: /^(napi|ops|io|cpu|cuda|engine)\//,
      ops: /^(napi|io|cpu|cuda|engine)\//,
      io: /^(napi|ops|cpu|cuda|engine)\//,
      cpu: /^(napi|io|cuda|engine)\//,
      cuda: /^(napi|io|cpu|engine)\//,
      engine: /^(napi|nn|virtual)\//,
      nn: /^(napi|engine|virtual)\//,
      virtual: /^napi\//,
      lowrank: /^(napi|io|engine|virtual)\//,
    };
    const breaches: string[] = [];
    for (const [layer, pattern] of Object.entries(forbidden)) {
      for (const file of filesIn(join(native, layer), /\.(h|cc|cu)$/)) {
        const includes = [...readFileSync(file, "utf8").matchAll(/#include "(?:native\/)?([^"]+)"/g)];
        for (const [, name] of includes) {
          if (pattern.test(name as string)) breaches.push(`${relative(root, file)} includes ${name}`);
        }
      }
    }
    expect(breaches).toEqual([]);
  });
});

describe("the files", () => {
  const tooLong = (files: readonly string[], most: number) =>
    files
      .map((file) => ({ file: relative(root, file).split(sep).join("/"), text: readFileSync(file, "utf8") }))
      .filter(({ text }) => text.replace(/\n$/, "").split("\n").length > most);

  it("of lib have at most 300 lines, those of lib/experiment 250", () => {
    expect(tooLong(sources, 300).map(({ file }) => file)).toEqual([]);
    const experiment = sources.filter((file) => file.startsWith(join(lib, "experiment") + sep));
    expect(tooLong(experiment, 250).map(({ file }) => file)).toEqual([]);
  });

  it("of native have at most 500 lines, or a first comment with a line that begins with `Over 500 lines because`", () => {
    const files = filesIn(native, /\.(h|cc|cu)$/);
    expect(files.length).toBeGreaterThan(100);
    const unexplained = tooLong(files, 500).filter(({ text }) => {
      const first = /^(?:\/\/.*\n)+/.exec(text)?.[0] ?? "";
      return !/^\/\/ Over 500 lines because/m.test(first);
    });
    expect(unexplained.map(({ file }) => file)).toEqual([]);
  });
});
