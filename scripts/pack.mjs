// `npm run pack`: retemper-VERSION.tgz and retemper-core-VERSION.tgz (JavaScript, types, commands; scripts/packages.mjs
// divides dist/ between them) and retemper-<os>-<cpu>-VERSION.tgz (the addon of this platform, linked against an older
// glibc). Needs dist/ and build/ (npm run build).
//   --platform linux-arm64   the addon of another platform, cross-compiled
//   --out FOLDER             the tarballs elsewhere than in the root
//   --local                  the addon as it was built, which may need this machine's glibc: not to be published

import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Missing, NOT_HERE } from "./notHere.mjs";
import { coreModules, filesIn, filesOf, INTERNAL, missingImports, packagesOf, textBesideCore } from "./packages.mjs";
import { buildPortable } from "./portable.mjs";
import { NEWEST_GLIBC, PLATFORMS } from "./sysroot.mjs";

// What glibc brings along on every system; all else (libstdc++, libgcc) is linked statically.
const SYSTEM_LIBRARIES = /^(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9-]+)\.so\.\d+$/;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = option("--platform") ?? `${process.platform}-${process.arch}`;
const [os, cpu] = platform.split("-");
const out = resolve(option("--out") ?? root);
const dist = join(root, "dist");
const local = process.argv.includes("--local");

if (!existsSync(join(root, "dist/index.js"))) fail("dist/index.js is missing: npm run build");
const addon = local ? join(root, "build/Release/retemper.node") : portable();
if (!existsSync(addon)) fail(`${addon} is missing: npm run build`);
checkLibraries(addon);
mkdirSync(out, { recursive: true });
const core = coreModules(dist);
console.log(packPlatform());
console.log(packCore());
console.log(packMain());

/** Value of an option of the command line, if it is there. */
function option(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

function portable() {
  try {
    return buildPortable(platform);
  } catch (error) {
    return fail(error.message, error instanceof Missing ? NOT_HERE : 1);
  }
}

/** What only merges. Its platform packages are optional, so npm takes the one that fits. */
function packCore() {
  const stage = emptyStage("core");
  const files = core.flatMap((module) => filesOf(dist, module));
  writeManifest(stage, {
    name: "@retemper/core",
    version: manifest.version,
    description: "The merge engine of retemper alone: merges, sweeps and batches of safetensors checkpoints.",
    license: manifest.license,
    type: "module",
    engines: manifest.engines,
    bin: { "retemper-core": "dist/cli/coreMain.js" },
    exports: {
      ".": { types: "./dist/entries/merge.d.ts", default: "./dist/entries/merge.js" },
      "./internal/*.js": { types: "./dist/*.d.ts", default: "./dist/*.js" }, // for retemper of the same version
      "./package.json": "./package.json",
    },
    files: ["dist", "README.md", "LICENSE"],
    keywords: manifest.keywords,
    dependencies: dependenciesOf(packagesOf(files)),
    optionalDependencies: Object.fromEntries(
      Object.keys(PLATFORMS).map((name) => [`@retemper/${name}`, manifest.version]),
    ),
  });
  for (const file of files) copy(file, join(stage, "dist", relative(dist, file)));
  copyFileSync(join(root, "LICENSE"), join(stage, "LICENSE"));
  writeFileSync(
    join(stage, "README.md"),
    "# @retemper/core\n\nMerging, sweeps, batches, plans, inspection and verification of [retemper](https://www.npmjs.com/package/retemper), " +
      "without what generates, evaluates, tunes and serves: the library, as `retemper/merge` has it, and the command " +
      "`retemper-core`.\n",
  );
  return pack(stage);
}

/** Everything, on top of the core: no file is in both. */
function packMain() {
  const { devDependencies: _dev, scripts: _scripts, gypfile: _gypfile, dependencies, ...kept } = manifest;
  const stage = emptyStage("retemper");
  const mine = new Set(core);
  const files = filesIn(dist).filter((file) => !file.endsWith(".map") && !mine.has(moduleOf(file)));
  for (const file of files) {
    const target = join(stage, "dist", relative(dist, file));
    if (/\.(js|d\.ts)$/.test(file)) putText(textBesideCore(dist, file, mine), target);
    else copy(file, target);
  }
  // A subpath whose entry is the core's is a name for it.
  for (const target of targetsOf(manifest.exports)) {
    const module = moduleOf(join(root, target));
    if (mine.has(module)) putText(`export * from "${INTERNAL}/${module}.js";\n`, join(stage, target));
  }
  const missing = missingImports(join(stage, "dist"), join(root, "build/pack/core/dist"));
  missing.push(
    ...targetsOf(manifest.exports).filter((target) => target.startsWith("./dist/") && !existsSync(join(stage, target))),
  );
  if (missing.length > 0) fail(`imports that lead nowhere:\n${missing.join("\n")}`);
  // What the core's modules alone import comes with the core.
  const here = packagesOf(files);
  const withCore = packagesOf(core.flatMap((module) => filesOf(dist, module)));
  const own = Object.keys(dependencies).filter((name) => here.has(name) || !withCore.has(name));
  writeManifest(stage, {
    ...kept,
    dependencies: { "@retemper/core": manifest.version, ...dependenciesOf(new Set(own)) },
  });
  // The documents, and what they link to. npm leaves out what is named with "!".
  for (const name of manifest.files.filter((one) => one !== "dist" && !one.startsWith("!"))) {
    cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  return pack(stage);
}

/** The files that package.json's exports name. */
function targetsOf(exports) {
  return Object.values(exports).flatMap((target) => (typeof target === "string" ? [target] : targetsOf(target)));
}

/** The checkout's versions of packages. */
function dependenciesOf(names) {
  return Object.fromEntries(Object.entries(manifest.dependencies).filter(([name]) => names.has(name)));
}

function moduleOf(file) {
  return relative(dist, file)
    .replace(/(\.d\.ts|\.js)$/, "")
    .split(sep)
    .join("/");
}

function copy(file, target) {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
}

function putText(text, target) {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function packPlatform() {
  const stage = emptyStage(platform);
  writeManifest(stage, {
    name: `@retemper/${platform}`,
    version: manifest.version,
    description: `The native addon of retemper for ${platform}.`,
    license: manifest.license,
    os: [os],
    cpu: [cpu],
    ...(os === "linux" && { libc: ["glibc"] }),
    engines: manifest.engines,
    exports: { "./retemper.node": "./retemper.node", "./package.json": "./package.json" },
    files: ["retemper.node", "LICENSE", "README.md"],
    preferUnplugged: true,
  });
  copyFileSync(addon, join(stage, "retemper.node"));
  copyFileSync(join(root, "LICENSE"), join(stage, "LICENSE"));
  writeFileSync(
    join(stage, "README.md"),
    `# @retemper/${platform}\n\nThe native addon of [retemper](https://www.npmjs.com/package/retemper) for ${platform}. Install \`retemper\`; npm adds this package by itself.\n`,
  );
  return pack(stage);
}

function emptyStage(name) {
  const stage = join(root, "build/pack", name);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  return stage;
}

function writeManifest(stage, value) {
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(value, null, 2)}\n`);
}

/** Path of the tarball that npm makes of a staged package. */
function pack(stage) {
  const { stdout } = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", out], stage);
  const answer = JSON.parse(stdout); // a list, or since npm 12 an object keyed by name
  const [entry] = Array.isArray(answer) ? answer : Object.values(answer);
  return join(out, entry.filename);
}

/** A published addon may need nothing that a glibc system of some years ago lacks. */
function checkLibraries(file) {
  if (os !== "linux") return;
  const probe = spawnSync("readelf", ["-d", "-V", "--dyn-syms", "-W", file], { encoding: "utf8" });
  if (probe.error) {
    if (!local) fail("readelf is missing (Debian: apt-get install binutils)", NOT_HERE);
    console.error("pack: readelf is missing (Debian: apt-get install binutils), the needed libraries are not checked");
    return;
  }
  const needed = [...probe.stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]);
  const foreign = needed.filter((name) => !SYSTEM_LIBRARIES.test(name));
  if (foreign.length > 0) fail(`${file} needs ${foreign.join(", ")}; only glibc may be needed`);
  const versions = [...probe.stdout.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => major * 1000 + +minor);
  const newest = Math.max(0, ...versions);
  const glibc = `${Math.floor(newest / 1000)}.${newest % 1000}`;
  const [major, minor] = NEWEST_GLIBC.split(".");
  if (!local && newest > major * 1000 + +minor) {
    fail(`${file} needs glibc ${glibc}; a published addon may need ${NEWEST_GLIBC} at most`);
  }
  // What has no version comes from Node or from nowhere; weak symbols may.
  const unknown = [...probe.stdout.matchAll(/\bGLOBAL +\w+ +UND +(\w+)$/gm)].map((match) => match[1]);
  const absent = unknown.filter((name) => !name.startsWith("napi_") && !name.startsWith("node_api_"));
  if (absent.length > 0) fail(`${file} needs ${absent.join(", ")}, which no library has`);
  console.error(`pack: needs ${needed.join(", ")}, glibc ${glibc} or newer`);
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status !== 0) fail(`${command} ${args.join(" ")} failed:\n${result.stderr || result.error?.message}`);
  return result;
}

function fail(message, status = 1) {
  console.error(`pack: ${message}`);
  process.exit(status);
}
