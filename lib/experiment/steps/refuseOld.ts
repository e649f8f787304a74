// A folder of an earlier version has steps that this one cannot read, and must not mix with its own.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { readTextAtMost } from "../../files/readAtMost.js";

/** @throws RetemperError OUTPUT_EXISTS */
export async function refuseOld(out: string): Promise<void> {
  const steps = join(out, "steps");
  for (const name of await readdir(steps).catch(() => [])) {
    const file = join(steps, name, "step.json");
    const text = await readTextAtMost(file, { most: 2 ** 28, what: "a step's record" }).catch(() => undefined);
    if (text === undefined || text.includes('"format"')) continue;
    throw new RetemperError("OUTPUT_EXISTS", "an earlier version of Retemper ran here, whose steps have no digests", {
      file: out,
      hint: "choose another --out; or remove this folder, after its models were put elsewhere",
    });
  }
}
