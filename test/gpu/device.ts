// The GPU of this machine, or why there is none: every test of this folder needs one and is skipped loudly without.

import { loadAddon } from "../../lib/addon/load.js";

const { cuda } = loadAddon().describe();

/** Undefined where there is a device. */
export const reason = cuda.startsWith("none: ") ? cuda.slice("none: ".length) : undefined;
if (reason !== undefined) process.stderr.write(`SKIPPED: no CUDA device: ${reason}\n`);
