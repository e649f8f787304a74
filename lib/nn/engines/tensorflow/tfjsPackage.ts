// Finds @tensorflow/tfjs-node-gpu, an optional peer.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export const TFJS_PACKAGE = "@tensorflow/tfjs-node-gpu";

export interface TfjsPackage {
  readonly folder: string;
  readonly version: string;
  /** Resolves as the package's own files do. */
  readonly require: NodeJS.Require;
}

/** The package as Retemper would import it; undefined where it is not installed. */
export function findTfjsPackage(from: string = fileURLToPath(import.meta.url)): TfjsPackage | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve(`${TFJS_PACKAGE}/package.json`);
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { folder: dirname(manifest), version, require: createRequire(manifest) };
}
