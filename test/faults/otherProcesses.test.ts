// What another process does in the middle of a run, at a known call of it: inputs are cut off or replaced, the folder of the
// output is removed, the same command is started once more. By default some commands, in the long form of the tests all.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { casesOf, long } from "../long.js";
import { type Scenario, scenarios } from "./commands.mjs";
import { CHANGES, cannotInterrupt, type Interrupted, interrupt, main } from "./interrupt.mjs";
import { choose } from "./killEach.mjs";
import { isSame, part, type Tree, treeOf } from "./places.mjs";

const reason = cannotInterrupt();
const describeThere = describe.skipIf(reason !== undefined);
const because = reason === undefined ? "" : ` (skipped: ${reason})`;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-others-")));
const [inputs, pristine, place] = ["inputs", "pristine", "place"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const all = new Map<string, Scenario>();
beforeAll(() => {
  if (reason !== undefined) return;
  for (const scenario of scenarios(inputs)) all.set(scenario.name, scenario);
  cpSync(inputs, pristine, { recursive: true, preserveTimestamps: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An empty place, and inputs as they were. */
function fresh(): void {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  rmSync(inputs, { recursive: true });
  cpSync(pristine, inputs, { recursive: true, preserveTimestamps: true });
}

interface Round extends Interrupted {
  /** The call that the other process came before. */
  readonly call: string;
  readonly tree: Tree;
}

/**
 * Runs a command once for each of some calls, with a shell's command before that call.
 * @param ends the calls that give outputs their names first, or all evenly
 */
async function disturbed(name: string, kinds: string, action: string, most: number, ends = true) {
  const scenario = all.get(name) as Scenario;
  fresh();
  const counted = await interrupt(scenario.args(place), { folder, kinds });
  expect(counted.status, counted.stderr).toBe(0);
  const wanted = treeOf(place, scenario.normal);
  const outputs = ends ? scenario.outputs.map((output) => join(place, output)) : [];
  const rounds: Round[] = [];
  for (const at of choose(counted.calls, outputs, most)) {
    fresh();
    const run = await interrupt(scenario.args(place), { folder, kinds, at, action: `sh:${action}` });
    const call = run.calls.find(({ hit }) => hit);
    expect(call, run.stderr).toBeDefined();
    const tree = existsSync(place) ? treeOf(place, scenario.normal) : new Map();
    rounds.push({ ...run, call: `${at}: ${call?.kind} ${call?.path}`, tree });
  }
  return { scenario, wanted, rounds };
}

const model = join(inputs, "models/base/model.safetensors");

describeThere(`inputs that change while a merge runs${because}`, () => {
  const cut = `truncate -s 3000 '${model}'`;
  const fresh = `cp '${model}' '${model}.new'`;
  const changes: [string, string, string, number][] = [
    ["merge", "an input is cut off", cut, 4],
    ["merge", "an input is written to", `${fresh}; cat '${model}.new' > '${model}'`, 3],
    ["merge", "an input is replaced", `${fresh}; mv '${model}.new' '${model}'`, 3],
    ["sweep", "an input is cut off", cut, 3],
  ];
  it.runIf(long).each(changes)("%s ends with BAD_INPUT and writes nothing where %s", async (name, _, action, most) => {
    const message = /cut off|ends at byte|changed while|now has 3000|replaced by another file|written to/;
    const { scenario, wanted, rounds } = await disturbed(name, `${CHANGES},read`, action, most, false);
    let refused = 0;
    for (const { status, stderr, tree, call } of rounds) {
      // Before the header is read it is another input, and after the output has its name, nothing is read any more.
      if (status === 0) {
        for (const output of scenario.outputs)
          expect(isSame(tree, output, wanted) || /read /.test(call), call).toBe(true);
        continue;
      }
      refused += 1;
      expect(status, `${call}: ${stderr}`).toBe(4);
      expect(stderr).toContain(model);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^hint: /m);
      for (const output of scenario.outputs) {
        expect(part(tree, output).size === 0 || isSame(tree, output, wanted), call).toBe(true);
      }
      expect(
        [...tree.keys()].filter((path) => path.includes(".retemper")),
        call,
      ).toEqual([]);
    }
    expect(refused).toBeGreaterThan(1);
  });
});

describeThere(`an output whose folder is removed while it is written${because}`, () => {
  const commands: [string, number][] = [
    ["merge", 2],
    ["tune", 2],
    ["sweep", 2],
    ["batch", 2],
    ["data", 6],
    ["generate", 2],
    ["evaluate", 2],
  ];
  it.runIf(long).each(commands)(
    "%s fails with a remedy, and what has the name of an output is whole",
    async (name, most) => {
      const { scenario, wanted, rounds } = await disturbed(name, CHANGES, `rm -rf '${place}'`, most);
      let failed = 0;
      for (const { status, stderr, tree, call } of rounds) {
        for (const output of scenario.outputs) {
          expect(part(tree, output).size === 0 || isSame(tree, output, wanted), `${call}: ${output}`).toBe(true);
        }
        if (status === 0) continue; // an output was complete by then, or all of it was written later
        failed += 1;
        expect([4, 7], `${call}: ${stderr}`).toContain(status);
        expect(stderr).toMatch(/^hint: /m);
        expect(stderr).not.toContain("-v shows where it happened");
      }
      expect(failed).toBeGreaterThan(0);
    },
  );

  it.runIf(long)("generate and evaluate do not end well where what they wrote is gone", async () => {
    for (const [name, file] of [
      ["generate", "out.jsonl"],
      ["evaluate", "out/journal.ndjson"],
    ] as const) {
      const scenario = all.get(name) as Scenario;
      fresh();
      const { calls } = await interrupt(scenario.args(place), { folder: place });
      const write = calls.filter(({ kind, path }) => kind === "write" && path === join(place, file)).at(-1);
      fresh();
      const action = `sh:rm '${join(place, file)}'` as const;
      const run = await interrupt(scenario.args(place), { folder: place, at: write?.number ?? 0, action });
      expect(run.status, name).toBe(7);
      expect(run.stderr).toContain(`${join(place, file)}: was removed while it was written`);
    }
  });
});

describeThere(`the same command once more while it runs${because}`, () => {
  const names = ["merge", "replace", "sweep", "batch", "tune", "data", "generate", "evaluate"];
  it.each(casesOf(names, ["merge"]))(
    "%s refuses the second run with 12, and the first ends as if there had been none",
    async (name) => {
      const scenario = all.get(name) as Scenario;
      const begin = async () => {
        fresh();
        if (scenario.old) expect((await interrupt(scenario.old(place), { folder: place })).status).toBe(0);
      };
      await begin();
      const { calls } = await interrupt(scenario.args(place), { folder: place });
      const wanted = treeOf(place, scenario.normal);
      // In the middle of what the first one writes.
      const middle = calls.filter(({ kind, path }) => kind === "write" && !path.endsWith("lock"));
      const at = middle[Math.floor(middle.length / 2)]?.number ?? 0;
      await begin();
      const [said, ended] = ["said", "ended"].map((one) => join(folder, `${name}-${one}`)) as [string, string];
      const words = [process.execPath, main, ...scenario.args(place)].map((word) => `'${word}'`).join(" ");
      const action = `sh:${words} >/dev/null 2>'${said}'; echo $? > '${ended}'` as const;
      const first = await interrupt(scenario.args(place), { folder: place, at, action });
      expect(readFileSync(ended, "utf8").trim(), readFileSync(said, "utf8")).toBe("12");
      expect(readFileSync(said, "utf8")).toMatch(/another run|exists already/);
      expect(first.status, first.stderr).toBe(0);
      expect(treeOf(place, scenario.normal)).toEqual(wanted);
    },
  );
});
