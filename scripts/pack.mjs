// `npm run pack`: retemper-VERSION.tgz (JavaScript, types, command) and retemper-<os>-<cpu>-VERSION.tgz (the addon
// of this platform). `-- --out FOLDER` puts them elsewhere than into the root. Needs dist/ and build/ (npm run build).

import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

// What glibc brings along on every system; all else (libstdc++, libgcc) is linked statically.
const SYSTEM_LIBRARIES = /^(libc|libm|libdl|libpthread|librt|ld-linux-[a-z0-9-]+)\.so\.\d+$/;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = `${process.platform}-${process.arch}`;
const at = process.argv.indexOf("--out");
const out = at < 0 ? root : resolve(process.argv[at + 1] ?? root);

const addon = join(root, "build/Release/retemper.node");
for (const needed of [addon, join(root, "dist/index.js")]) {
  if (!existsSync(needed)) fail(`${needed} is missing: npm run build`);
}
checkLibraries(addon);
mkdirSync(out, { recursive: true });
console.log(packPlatform());
console.log(packMain());

/** The package that users name. Its platform packages are optional, so npm takes the one that fits. */
function packMain() {
  const { devDependencies: _dev, scripts: _scripts, gypfile: _gypfile, ...kept } = manifest;
  const stage = emptyStage("retemper");
  writeManifest(stage, {
    ...kept,
    files: [...manifest.files, "!dist/**/*.map"],
    optionalDependencies: { ...kept.optionalDependencies, [`@retemper/${platform}`]: manifest.version },
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
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === "linux" && { libc: ["glibc"] }),
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

/** A prebuilt addon may need nothing that a plain glibc system lacks. */
function checkLibraries(file) {
  if (process.platform !== "linux") return;
  const probe = spawnSync("readelf", ["-d", "-V", "-W", file], { encoding: "utf8" });
  if (probe.error) {
    console.error("pack: readelf is missing (Debian: apt-get install binutils), the needed libraries are not checked");
    return;
  }
  const needed = [...probe.stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]);
  const foreign = needed.filter((name) => !SYSTEM_LIBRARIES.test(name));
  if (foreign.length > 0) fail(`${file} needs ${foreign.join(", ")}; only glibc may be needed`);
  const versions = [...probe.stdout.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => major * 1000 + +minor);
  const newest = Math.max(0, ...versions);
  console.error(`pack: needs ${needed.join(", ")}, glibc ${Math.floor(newest / 1000)}.${newest % 1000} or newer`);
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status !== 0) fail(`${command} ${args.join(" ")} failed:\n${result.stderr || result.error?.message}`);
  return result;
}

function fail(message) {
  console.error(`pack: ${message}`);
  process.exit(1);
}
