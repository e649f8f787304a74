// Installs @tensorflow/tfjs-node-gpu where it is missing: without its install script, which downloads a library of 2022 that
// knows no current GPU and fails without a network.

import { existsSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { RetemperError } from "../errors.js";
import { findTfjsPackage, TFJS_PACKAGE, type TfjsPackage } from "../nn/engines/tensorflow/tfjsPackage.js";
import { lastWords, runTool } from "./runTool.js";

/** What is installed where nothing is. */
const TFJS_VERSION = "4.22.0";

// lib and dist lie at the same depth, so this holds for sources and for the built package.
const OWN_ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Adds the package to the project that Retemper is installed in (for a global installation: globally).
 * @throws RetemperError NETWORK with npm's words; USAGE with the command to run where another package manager is in charge
 */
export async function installTfjsPackage(signal?: AbortSignal, own: string = OWN_ROOT): Promise<TfjsPackage> {
  const wanted = `${TFJS_PACKAGE}@${TFJS_VERSION}`;
  const { args, cwd } = npmInstall(own, wanted);
  const result = await runTool("npm", args, { cwd, signal });
  const found = result.status === 0 ? findTfjsPackage(join(own, "package.json")) : undefined;
  if (found !== undefined) return found;
  throw new RetemperError("NETWORK", `npm could not install ${wanted}: ${lastWords(result)}`, {
    hint: `check the connection to npm's registry, then run: npm install --ignore-scripts ${wanted}`,
    file: cwd,
  });
}

/** npm's arguments and where to run it, for the place where Retemper itself is installed. */
export function npmInstall(own: string, wanted: string): { readonly args: string[]; readonly cwd: string } {
  const at = `${own}${sep}`.indexOf(`${sep}node_modules${sep}`);
  const project = at < 0 ? own : own.slice(0, at);
  const managers = { "yarn.lock": "yarn add", "pnpm-lock.yaml": "pnpm add --ignore-scripts", "bun.lock": "bun add" };
  for (const [lock, command] of Object.entries(managers)) {
    if (!existsSync(join(project, lock))) continue;
    throw new RetemperError("USAGE", `${TFJS_PACKAGE} is not installed in ${project}`, {
      hint: `run: ${command} ${wanted} (its install script is not needed), then set up again`,
    });
  }
  const global = at >= 0 && !existsSync(join(project, "package.json"));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  return { args: ["install", ...(global ? ["--global"] : ["--save-exact"]), ...flags, wanted], cwd: project };
}
