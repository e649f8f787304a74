// Compiles the binding that @tensorflow/tfjs-node-gpu ships as sources, against the TensorFlow library in the cache.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { RetemperError } from "../errors.js";
import { makeFolder } from "../files/makeFolder.js";
import type { TfjsPackage } from "../nn/engines/tensorflow/tfjsPackage.js";
import { lastWords, runTool } from "./runTool.js";

/** The newest Node-API that the package declares; every Node that Retemper runs on has it. */
const NODE_API = 8;

/**
 * Two faults of the sources (4.22.0) that matter to a program that opens several models, each in a thread, for days: a set
 * of names that all threads write to, and tensor numbers that turn negative, and are never freed then, after 2^31 of them.
 */
const CORRECTIONS: readonly { readonly file: string; readonly from: string; readonly to: string }[] = [
  {
    file: "tfjs_backend.cc",
    from: "static std::set<std::string> ATTR_NAME_SET;",
    to: "static thread_local std::set<std::string> ATTR_NAME_SET;",
  },
  {
    file: "tfjs_backend.cc",
    from: `  return tfe_handle_map_.insert(std::make_pair(next_tensor_id_++, tfe_handle))
      .first->first;`,
    to: `  for (;;) {
    const int32_t id = next_tensor_id_;
    next_tensor_id_ = id == 0x7fffffff ? 0 : id + 1;
    if (tfe_handle_map_.insert(std::make_pair(id, tfe_handle)).second) return id;
  }`,
  },
];

export interface BindingBuild {
  readonly package: TfjsPackage;
  /** Has tensorflow/ with the libraries and headers. */
  readonly folder: string;
  /** The .node file to make, in a folder of its own inside `folder`. */
  readonly target: string;
  /** From `findCompiler`. */
  readonly compiler: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the binding; its folder appears whole or not at all. About seven seconds.
 * @throws RetemperError INTERNAL with the compiler's words
 */
export async function buildBinding(build: BindingBuild): Promise<void> {
  const { folder, target, compiler } = build;
  const final = dirname(target);
  await removeLeftovers(final);
  const partial = `${final}.partial-${randomBytes(6).toString("hex")}`; // a killed run's compiler may still write to its own
  const sources = join(partial, "sources");
  await makeFolder(sources);
  await copySources(join(build.package.folder, "binding"), sources);
  const args = [
    ...["-shared", "-fPIC", "-O2", "-std=c++17", "-w"],
    ...[`-DNAPI_VERSION=${NODE_API}`, "-DNODE_GYP_MODULE_NAME=tfjs_binding", "-DBUILDING_NODE_EXTENSION"],
    ...["-I", nodeHeaders(), "-I", join(folder, "tensorflow/include"), "-I", sources],
    ...[join(sources, "tfjs_backend.cc"), join(sources, "tfjs_binding.cc")],
    ...["-L", join(folder, "tensorflow"), "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"],
    ...["-Wl,-rpath,$ORIGIN/../tensorflow", "-o", join(partial, basename(target))],
  ];
  const result = await runTool(compiler, args, { signal: build.signal });
  if (result.status !== 0) {
    await rm(partial, { recursive: true, force: true });
    throw new RetemperError("INTERNAL", `${compiler} could not compile the binding:\n${lastWords(result, 12)}`, {
      hint: "a compiler for C++17 is needed (GCC 9, Clang 10 or newer); CXX names another one",
    });
  }
  await rm(sources, { recursive: true });
  await rm(final, { recursive: true, force: true });
  await rename(partial, final);
}

async function removeLeftovers(final: string): Promise<void> {
  const left = (await readdir(dirname(final))).filter((name) => name.startsWith(`${basename(final)}.partial-`));
  for (const name of left) await rm(join(dirname(final), name), { recursive: true, force: true });
}

async function copySources(from: string, to: string): Promise<void> {
  for (const name of (await readdir(from)).filter((file) => /\.(cc|h)$/.test(file))) {
    let text = await readFile(join(from, name), "utf8");
    for (const { file, from: old, to: corrected } of CORRECTIONS) {
      if (file === name) text = text.replace(old, corrected); // a release that mended it has nothing to replace
    }
    await writeFile(join(to, name), text);
  }
}

/**
 * The compiler to use: $CXX, else the first of g++, c++ and clang++ that starts.
 * @throws RetemperError DEVICE where there is none
 */
export async function findCompiler(
  env: Readonly<Record<string, string | undefined>> = process.env,
  signal?: AbortSignal,
): Promise<string> {
  const candidates = env.CXX ? [env.CXX] : ["g++", "c++", "clang++"];
  for (const candidate of candidates) {
    const options = { signal, ...(env.PATH !== undefined && { env: { PATH: env.PATH } }) };
    if ((await runTool(candidate, ["--version"], options)).status === 0) return candidate;
  }
  throw new RetemperError("DEVICE", `no C++ compiler was found (tried ${candidates.join(", ")})`, {
    hint: "install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora); or name it in CXX",
  });
}

/** node_api.h: plain C headers from npm, so that neither node-gyp nor a download of Node's own is needed. */
function nodeHeaders(): string {
  const manifest = createRequire(import.meta.url).resolve("node-api-headers/package.json");
  const folder = join(dirname(manifest), "include");
  if (existsSync(join(folder, "node_api.h"))) return folder;
  throw new RetemperError("INTERNAL", "the package node-api-headers has no node_api.h", { file: folder });
}
