// An older glibc to link the published addons against and to try them with: that of Debian 11 (glibc 2.31), from its
// signed packages, unpacked into build/sysroot/<platform>. Needs a Debian's apt; nothing is installed.

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Missing } from "./notHere.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The newest glibc that a published addon may ask for: RHEL 9 and Amazon Linux 2023 have 2.34, Ubuntu 20.04 has 2.31. */
export const NEWEST_GLIBC = "2.31";
/** What package names of Debian call the platforms that addons are published for. */
export const PLATFORMS = {
  "linux-x64": { debian: "amd64", triple: "x86_64-linux-gnu" },
  "linux-arm64": { debian: "arm64", triple: "aarch64-linux-gnu" },
};
/** To link: libc6-dev, libgcc-10-dev. To run a Node with it: the others. */
const PACKAGES = ["libc6", "libc6-dev", "libgcc-10-dev", "libgcc-s1", "libstdc++6"];
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The folder of `platform`'s older system, made when it is not there. */
export function sysroot(platform) {
  const { debian, triple } = PLATFORMS[platform];
  const folder = join(root, "build/sysroot", platform);
  if (existsSync(folder)) return folder;
  const stage = `${folder}.partial`;
  const apt = join(stage, "apt");
  rmSync(stage, { recursive: true, force: true });
  for (const name of ["lists/partial", "cache/archives/partial", "packages"])
    mkdirSync(join(apt, name), { recursive: true });
  writeFileSync(join(apt, "status"), "");
  writeFileSync(join(apt, "sources.list"), `deb [arch=${debian} signed-by=${KEYS}] ${debianArchive()} bullseye main\n`);
  const options = [
    ...[`Dir::Etc::SourceList=${join(apt, "sources.list")}`, "Dir::Etc::SourceParts=-"],
    ...[`Dir::State::Lists=${join(apt, "lists")}`, `Dir::State::status=${join(apt, "status")}`],
    ...[`Dir::Cache=${join(apt, "cache")}`, `APT::Architecture=${debian}`, `APT::Architectures=${debian}`],
    "APT::Sandbox::User=", // the folder is the caller's own
  ].flatMap((option) => ["-o", option]);
  must("apt-get", [...options, "-qq", "update", "--error-on=any"]);
  must("apt-get", [...options, "-qq", "download", ...PACKAGES], join(apt, "packages"));
  for (const name of readdirSync(join(apt, "packages"))) must("dpkg-deb", ["-x", join(apt, "packages", name), stage]);
  mkdirSync(join(stage, "unwind"));
  copyFileSync(join(stage, `usr/lib/gcc/${triple}/10/libgcc_eh.a`), join(stage, "unwind/libgcc_eh.a"));
  for (const name of ["apt", "etc", "usr/share", "usr/include", "usr/lib/gcc"])
    rmSync(join(stage, name), { recursive: true, force: true });
  makeLinksRelative(stage, stage);
  renameSync(stage, folder);
  return folder;
}

/** Where this machine's apt has Debian's packages from. */
function debianArchive() {
  const { status, stdout } = spawnSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" });
  const archive = status === 0 && stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  if (!archive || !existsSync(KEYS)) {
    throw new Missing(
      "an older glibc to link against comes from Debian's packages: run this on a Debian, as it is set up",
    );
  }
  return archive;
}

/** Debian's links to libraries name the place that they have when installed. */
function makeLinksRelative(folder, top) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const facts = lstatSync(path);
    if (facts.isDirectory()) makeLinksRelative(path, top);
    if (!facts.isSymbolicLink() || !readlinkSync(path).startsWith("/")) continue;
    const target = relative(folder, join(top, readlinkSync(path)));
    unlinkSync(path);
    symlinkSync(target, path);
  }
}

function must(command, args, cwd = root) {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Missing(`${command} could not bring Debian 11's packages: ${stderr || error?.message}`);
}
