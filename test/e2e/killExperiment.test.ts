// An experiment that is killed with SIGKILL again and again, and goes on each time: its results are those of a run that was
// left alone, no step that was done begins again, and no answer or verdict that was written down is lost or made twice.
// RETEMPER_KILL_SEED=N kills at other moments. Only in the long form of the tests (npm run test:long).

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { seededRandom } from "../../lib/statistics/seededRandom.js";
import { run, start, temporaryFolder } from "./command.js";
import { SMALL_EXPERIMENT } from "./smallExperiment.js";

const KILLS = 6;
/** A run is killed in one of its first steps, so many milliseconds after that has begun at most. */
const [STEPS, LATEST] = [4, 1000];
const seed = Number(process.env.RETEMPER_KILL_SEED ?? 1);
const folder = temporaryFolder();
const file = join(folder, "experiment.yml");
writeFileSync(file, SMALL_EXPERIMENT);

/** Files of a folder and those in it whose name fits, by path: text. */
function texts(place: string, fits: RegExp): Map<string, string> {
  if (!existsSync(place)) return new Map();
  const names = readdirSync(place, { recursive: true, encoding: "utf8" }).filter((name) => fits.test(name));
  return new Map(names.sort().map((name) => [name, readFileSync(join(place, name), "utf8")]));
}

/** The steps that are done, by their folders: what is in their records. */
const recordsOf = (out: string) => texts(join(out, "steps"), /\/step\.json$/);
/** Answers and verdicts so far, by file, each a line; without one that is cut off. */
const storedIn = (out: string) =>
  new Map(
    ["answers", "verdicts"].flatMap((kind) =>
      [...texts(join(out, kind), /\.ndjson$/)].map(([name, text]): [string, string] => [
        join(kind, name),
        text.slice(0, text.lastIndexOf("\n") + 1),
      ]),
    ),
  );

/** Of which model, and of what: every answer and every verdict that is kept, in whichever process' file. */
function entriesOf(out: string): string[] {
  return [...storedIn(out)].flatMap(([name, text]) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { unit?: string; of?: string })
      .flatMap(({ unit, of }) => (unit || of ? [`${dirname(name)} ${unit ?? of}`] : [])),
  );
}

it(`gives the same results, killed or not (seed ${seed})`, { timeout: 600_000 }, async () => {
  const alone = join(folder, "alone");
  const { status, stdout, stderr } = await run(["run", file, "--out", alone]);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("has the best validation exact_match of 4 candidates");

  const killed = join(folder, "killed");
  const random = seededRandom(seed);
  const moments: string[] = [];
  for (let kills = 0; kills < KILLS; ) {
    const done = recordsOf(killed);
    const before = storedIn(killed);
    const running = start(["run", file, "--out", killed]);
    const [step, pause] = [1 + random(STEPS), random(LATEST)];
    const begun = new Promise<void>((resolve) => {
      let notes = 0;
      running.process.stderr?.on("data", (text: string) => {
        notes += text.split("note: ").length - 1;
        if (notes >= step) resolve();
      });
    });
    await Promise.race([running.finished, begun.then(() => wait(pause))]);
    running.process.kill("SIGKILL");
    const ended = await running.finished;

    const names = [...done.values()].map((text) => (JSON.parse(text) as { step: string }).step);
    const steps = [...ended.stderr.matchAll(/note: (.*)\n/g)].map(([, step]) => step as string);
    expect(steps.filter((step) => names.includes(step))).toEqual([]); // nothing that was done begins again
    for (const [name, text] of done) expect(recordsOf(killed).get(name)).toBe(text);
    for (const [name, text] of before) expect(storedIn(killed).get(name)?.startsWith(text)).toBe(true);
    if (ended.signal !== "SIGKILL") {
      expect(ended.status).toBe(0); // it was faster than the kill: there is no more to be killed
      break;
    }
    kills += 1;
    moments.push(
      `${steps.at(-1)}, ${[...storedIn(killed).values()].reduce((sum, text) => sum + text.length, 0)} bytes`,
    );
  }
  expect(moments.length).toBeGreaterThanOrEqual(3); // kills that hit, each after some work more
  expect(new Set(moments).size).toBeGreaterThanOrEqual(2);

  expect((await run(["run", file, "--out", killed])).status).toBe(0);
  const read = (out: string) => readFileSync(join(out, "results.json"), "utf8");
  expect(read(killed)).toBe(read(alone));
  expect(readdirSync(join(killed, "steps")).sort()).toEqual(readdirSync(join(alone, "steps")).sort());
  expect(readdirSync(join(killed, "models")).sort()).toEqual(readdirSync(join(alone, "models")).sort());

  const entries = entriesOf(killed).sort();
  expect(entries.length).toBeGreaterThan(50);
  expect(new Set(entries).size).toBe(entries.length); // nothing was measured twice
  expect(entries).toEqual(entriesOf(alone).sort()); // and nothing was lost

  const again = await run(["run", file, "--out", killed]);
  expect(again.status).toBe(0);
  expect(again.stderr).not.toMatch(/note: /); // nothing was left to do
  const { outputs } = JSON.parse(read(alone)) as { outputs: { agreement: { questions: number; same: number } }[] };
  expect(outputs.length).toBeGreaterThan(0);
  const questions = outputs.reduce((sum, { agreement }) => sum + agreement.questions, 0);
  const same = outputs.reduce((sum, { agreement }) => sum + agreement.same, 0);
  expect(same / questions).toBeGreaterThan(0.95);
});
