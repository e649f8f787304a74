// Decides whether a tuning, or a data set for one, may be written to its output.

import { lstat, readdir, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { RetemperError } from "../../errors.js";

/** Takes part in every output of a tuning: what has none is never replaced. */
export const RECORD = "tuning.json";

/** What an output is of. */
export interface Kind {
  readonly what: string;
  /** Whether a folder with these files is one, and may be replaced. */
  readonly isOne: (names: readonly string[]) => boolean;
  /** What helps where there is one already. */
  readonly hint: string;
}

const TUNING: Kind = {
  what: "tuning",
  isOne: (names) => names.includes(RECORD) || names.includes("adapter_config.json"),
  hint: "choose another folder, --resume to go on with it, or --force to begin anew",
};

/** What a tuning keeps beside its output while it runs. */
export function besideOf(out: string, what: string): string {
  return join(dirname(out), `.${basename(out)}.${what}`);
}

/**
 * An existing output is refused without `force` or `resume`, one that is, holds or lies in an input always.
 * @returns whether there is something to go on with
 * @throws RetemperError OUTPUT_EXISTS; USAGE
 */
export async function checkPlace(
  out: string,
  reads: readonly string[],
  { force = false, resume = false }: { force?: boolean | undefined; resume?: boolean | undefined },
  { what, isOne, hint }: Kind = TUNING,
): Promise<boolean> {
  if (force && resume) throw new RetemperError("USAGE", "force begins anew and resume goes on: give one of them");
  const place = await future(out);
  for (const read of reads) {
    const input = await future(read);
    if (input === place || isInside(place, input) || isInside(input, place)) {
      throw new RetemperError("OUTPUT_EXISTS", `the output ${out} is, holds or lies in the input ${read}`, {
        file: out,
        hint: "choose a folder apart from everything that is read; --force does not lift this",
      });
    }
  }
  const found = await lstat(out).catch(() => undefined);
  // A run may have been killed before it had its record.
  const names = (found?.isDirectory() ? await readdir(out) : []).filter((name) => name !== `${RECORD}.partial`);
  if (!found || (found.isDirectory() && names.length === 0)) return false;
  const isBegun = (folder: string) =>
    lstat(join(folder, RECORD)).then(
      () => true,
      () => false,
    );
  if (resume && ((await isBegun(out)) || (await isBegun(besideOf(out, "tuning-new"))))) return true;
  if (resume) {
    throw new RetemperError("OUTPUT_EXISTS", `the output ${out} is of no tuning that could go on`, { file: out });
  }
  if (!force) {
    throw new RetemperError("OUTPUT_EXISTS", `the output ${out} exists already`, {
      file: out,
      hint,
    });
  }
  const own = [homedir(), resolve(".")].some((folder) => folder === place || isInside(folder, place));
  if (own || !found.isDirectory() || !isOne(names)) {
    throw new RetemperError("OUTPUT_EXISTS", `the output ${out} is no ${what}'s and is never replaced`, {
      file: out,
      hint: "choose another folder",
    });
  }
  return false;
}

async function future(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : resolve(await future(parent), relative(parent, absolute));
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`);
}
