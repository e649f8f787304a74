// Nothing is written on top of what is read.

import { RetemperError } from "../errors.js";
import { futurePath, isInside } from "./futurePath.js";

/** A file or folder that an output must be apart from. */
export interface Input {
  readonly path: string;
  /** For messages: "the hub cache"; "the input" by default. */
  readonly what?: string | undefined;
}

/** @throws RetemperError OUTPUT_EXISTS for an output that is, contains or lies inside an input; no option lifts it */
export async function refuseOverlap(out: string, inputs: readonly Input[]): Promise<void> {
  const place = await futurePath(out);
  for (const { path, what = "the input" } of inputs) {
    const input = await futurePath(path);
    if (input === place) throw overlap(out, `is ${what} ${input}`);
    if (isInside(place, input)) throw overlap(out, `lies inside ${what} ${input}`);
    if (isInside(input, place)) throw overlap(out, `contains ${what} ${input}`);
  }
}

/** @param how such as "lies inside the input /models/a" */
export function overlap(out: string, how: string): RetemperError {
  return new RetemperError("OUTPUT_EXISTS", `the output ${out} ${how}`, {
    file: out,
    hint: "choose a folder apart from everything that is read; --force does not lift this",
  });
}
