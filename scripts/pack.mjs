// `npm run pack`: retemper-VERSION.tgz (JavaScript, types, command) and retemper-<os>-<cpu>-VERSION.tgz (the addon
// of this platform, linked against an older glibc). Needs dist/ and build/ (npm run build).
//   --platform linux-arm64   the addon of another platform, cross-compiled
//   --out FOLDER             the tarballs elsewhere than in the root
//   --local                  the addon as it was built, which may need this machine's glibc: not to be published

import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPortable } from "./portable.mjs";
import { Missing, NEWEST_GLIBC, NOT_HERE, PLATFORMS } from "./sysroot.mjs";

// What glibc brings along on every system; all else (libstdc++, libgcc) is linked statically.
const SYSTEM_LIBRARIES = /^(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9-]+)\.so\.\d+$/;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = option("--platform") ?? `${process.platform}-${process.arch}`;
const [os, cpu] = platform.split("-");
const out = resolve(option("--out") ?? root);
const local = process.argv.includes("--local");

if (!existsSync(join(root, "dist/index.js"))) fail("dist/index.js is missing: npm run build");
const addon = local ? join(root, "build/Release/retemper.node") : portable();
if (!existsSync(addon)) fail(`${addon} is missing: npm run build`);
checkLibraries(addon);
mkdirSync(out, { recursive: true });
console.log(packPlatform());
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

/** The package that users name. Its platform packages are optional, so npm takes the one that fits. */
function packMain() {
  const { devDependencies: _dev, scripts: _scripts, gypfile: _gypfile, ...kept } = manifest;
  const stage = emptyStage("retemper");
  writeManifest(stage, {
    ...kept,
    files: [...manifest.files, "!dist/**/*.map"],
    optionalDependencies: Object.fromEntries(
      Object.keys(PLATFORMS).map((name) => [`@retemper/${name}`, manifest.version]),
    ),
  });
  cpSync(join(root, "dist"), join(stage, "dist"), { recursive: true });
  for (const name of ["README.md", "CHANGELOG.md", "LICENSE"]) copyFileSync(join(root, name), join(stage, name));
  return pack(stage);
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
