// What a script says and exits with that cannot do its work on this machine: no network, or tools that are not installed.

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

/** CI counts what exits with it as skipped. */
export const NOT_HERE = 11;

/** An error that says what is missing on this machine; scripts that meet it exit with NOT_HERE. */
export class Missing extends Error {}

/**
 * Does `work`; what is missing for it is said in a line that begins with `name`, and makes the exit code.
 * @param folder removed afterwards
 */
export async function doHere(name, work, folder) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`${name}: ${error.message}`);
    process.exitCode = NOT_HERE;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a command printed. @throws Missing where it says so by its exit code; an error with its stderr where it fails */
export function must(command, args) {
  const run = spawnSync(command, args, { encoding: "utf8" });
  if (run.status === NOT_HERE) throw new Missing(run.stderr);
  if (run.status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${run.stderr || run.error?.message}`);
  return run;
}

/** The error of an npm that failed with this on its stderr. */
export function npmError(what, stderr) {
  return /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED/.test(stderr)
    ? new Missing(`no package registry can be reached:\n${stderr}`)
    : new Error(`${what} failed:\n${stderr}`);
}
