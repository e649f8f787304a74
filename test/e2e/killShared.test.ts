// Four processes on one folder of an experiment, each killed with SIGKILL again and again: no step is recorded twice, no answer is
// asked twice, and the results are those of one process. RETEMPER_KILL_SEED=N kills at other moments. Only in the long form of the
// tests (npm run test:long); test/e2e/killShared.mjs does it by itself, also with the whole demo.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "./command.js";
import { killShared } from "./killShared.mjs";
import { SMALL_EXPERIMENT } from "./smallExperiment.js";

const KILLS = 4; // of each process; killShared.mjs by itself has ten
const seed = Number(process.env.RETEMPER_KILL_SEED ?? 1);
const folder = temporaryFolder();
const experiment = join(folder, "experiment.yml");
writeFileSync(experiment, SMALL_EXPERIMENT);

it(`gives the results of one process, killed or not (seed ${seed})`, { timeout: 900_000 }, async () => {
  const { kills, workers, passes, problems } = await killShared({ kills: KILLS, seed, experiment });
  expect(problems).toEqual([]);
  expect(kills).toBe(4 * KILLS);
  expect(workers / passes).toBeGreaterThan(1); // who has recorded a step
});
