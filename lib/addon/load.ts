// Finds and loads the native addon: an explicit path, the checkout's own build, or the platform's package.

import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { resolve } from "node:path";
import { env, report } from "node:process";
import { fileURLToPath } from "node:url";
import { RetemperError } from "../errors.js";
import type { Addon } from "./surface.js";

/** Platforms for which a prebuilt `@retemper/<name>` package is made. */
export const PREBUILT_PLATFORMS: readonly string[] = ["linux-x64", "linux-arm64"];

/** Where the loader looks; the defaults are this package and this machine. */
export interface AddonSearch {
  /** Root of the package: holds package.json and, in a checkout, build/. */
  readonly root: string;
  /** Value of RETEMPER_ADDON: the path of a .node file that is used instead of all others. */
  readonly explicit?: string | undefined;
  /** "linux-x64", "linux-x64-musl", "darwin-arm64", ... */
  readonly platform: string;
}

// lib/addon and dist/addon lie at the same depth, so this holds for sources and for the built package.
const PACKAGE_ROOT = fileURLToPath(new URL("../../", import.meta.url));

let loaded: Addon | undefined;

/**
 * The native addon, loaded once per process or worker thread.
 *
 * Order: the file named by the environment variable RETEMPER_ADDON; `build/Release/retemper.node` of a
 * checkout; the package `@retemper/<platform>`.
 * @throws RetemperError (INTERNAL) that lists every place tried, why it failed, and what to do.
 */
export function loadAddon(): Addon {
  loaded ??= findAddon({ root: PACKAGE_ROOT, explicit: env.RETEMPER_ADDON, platform: platformName() });
  return loaded;
}

/** Loads the addon from the places that `search` allows; `loadAddon` with its cache is what the library uses. */
export function findAddon(search: AddonSearch): Addon {
  const require = createRequire(resolve(search.root, "package.json"));
  // In a checkout retemper, installed @retemper/core, which brings the addon for both.
  const { name, version } = require("./package.json") as { name: string; version: string };
  const platformPackage = `@retemper/${search.platform}`;
  const candidates = search.explicit
    ? [{ what: `RETEMPER_ADDON=${search.explicit}`, specifier: resolve(search.explicit) }]
    : [
        { what: "local build", specifier: resolve(search.root, "build/Release/retemper.node") },
        { what: "platform package", specifier: `${platformPackage}/retemper.node` },
      ];

  const tried: string[] = [];
  let cause: unknown;
  for (const { what, specifier } of candidates) {
    let addon: Addon;
    try {
      addon = require(specifier) as Addon;
    } catch (error) {
      tried.push(`  ${what} (${specifier}): ${reason(error)}`);
      cause = error;
      continue;
    }
    const found = versionOf(addon);
    if (found === version) return addon;
    throw new RetemperError(
      "INTERNAL",
      `The native addon ${specifier} is version ${found ?? "unknown"}, but the package ${name} is ${version}.`,
      {
        hint: specifier.startsWith(platformPackage)
          ? `Install matching versions: npm install ${name}@${version} ${platformPackage}@${version}`
          : "Build it again: npm run build",
      },
    );
  }
  throw new RetemperError("INTERNAL", `The native addon could not be loaded. Tried:\n${tried.join("\n")}`, {
    hint: advice(search.platform, name),
    cause,
  });
}

/** First line of an error: what follows in Node's resolution errors is a list of requiring files. */
function reason(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "MODULE_NOT_FOUND") return "not found";
  return String(message ?? error).split("\n", 1)[0] ?? "";
}

function versionOf(addon: Addon): string | undefined {
  return typeof addon.describe === "function" ? addon.describe().version : undefined;
}

function advice(platform: string, name: string): string {
  const steps = ["In a checkout: npm run build (needs g++ and CMake)."];
  if (PREBUILT_PLATFORMS.includes(platform)) {
    steps.push(`As a dependency: npm install --include=optional ${name}, so that npm takes the platform package too.`);
  } else {
    steps.push(`There is no prebuilt package for ${platform}; there is one for ${PREBUILT_PLATFORMS.join(", ")}.`);
  }
  if (platform.endsWith("-musl")) {
    steps.push("This system uses musl (Alpine); the prebuilt package needs glibc: use a Debian-based image or build.");
  }
  return steps.join(" ");
}

/** `<os>-<cpu>`, with `-musl` on Linux systems whose C library is not glibc. */
export function platformName(): string {
  const name = `${platform()}-${arch()}`;
  if (platform() !== "linux" || usesGlibc()) return name;
  return `${name}-musl`;
}

/** Node's diagnostic report names glibc's version, and has no such entry under musl. */
function usesGlibc(): boolean {
  const diagnostic = report as { excludeNetwork?: boolean; getReport(): object } | undefined;
  if (!diagnostic) return true;
  diagnostic.excludeNetwork = true; // listing the network's interfaces can take seconds
  const { header } = diagnostic.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime !== undefined;
}
