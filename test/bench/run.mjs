// The benchmarks: `npm run bench -- WORKLOAD [options]`. Workloads are the files beside this one.
//
// Everything runs in fresh processes, ours and the peers' in turn on the same warm files, so that a drift of the
// machine hits both. Results are printed, and kept in results/ with date and machine. Timings never decide a test.

import { before } from "./before.mjs";
import { choice } from "./choice.mjs";
import { endings } from "./endings.mjs";
import { experiment } from "./experiment.mjs";
import { extract } from "./extract.mjs";
import { generate } from "./generate.mjs";
import { gguf } from "./gguf.mjs";
import { judges } from "./judges.mjs";
import { merge } from "./merge.mjs";
import { safety } from "./safety.mjs";
import { serve } from "./serve.mjs";
import { sweep } from "./sweep.mjs";
import { tune } from "./tune.mjs";
import { virtual } from "./virtual.mjs";

const WORKLOADS = {
  judges,
  merge,
  sweep,
  gguf,
  extract,
  generate,
  endings,
  tune,
  virtual,
  experiment,
  before,
  choice,
  safety,
  serve,
};
const [name, ...args] = process.argv.slice(2);
const workload = WORKLOADS[name];
if (!workload) {
  console.error(`usage: npm run bench -- ${Object.keys(WORKLOADS).join("|")} [options]; options: -- merge --help`);
  process.exit(2);
}
await workload(args);
