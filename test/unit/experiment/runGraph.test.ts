import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../lib/experiment/digests/digestOf.js";
import { joinWorkers } from "../../../lib/experiment/sharing/joinWorkers.js";
import { soleWorker, type Workers } from "../../../lib/experiment/sharing/workers.js";
import { Progress } from "../../../lib/experiment/steps/progress.js";
import { runGraph } from "../../../lib/experiment/steps/runGraph.js";
import { type Batch, defineStep, single } from "../../../lib/experiment/steps/step.js";
import { StepRecords } from "../../../lib/experiment/steps/stepRecords.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-graph-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let out: string;
let open: Workers[] = [];
beforeEach(() => {
  out = mkdtempSync(join(folder, "out-"));
});
afterEach(async () => {
  for (const one of open) await one.close();
  open = [];
});

const FACTS = { newTokens: 1, bytesWritten: 0 };
const about = { name: "graph", labels: {}, better: "higher" } as never;
function graph(batches: readonly Batch[], workers: Workers = soleWorker) {
  return runGraph(batches, { records: new StepRecords(out, true), workers, progress: new Progress(out, about, {}) });
}
async function several(count: number): Promise<Workers[]> {
  open = await Promise.all(
    Array.from({ length: count }, (_, index) => joinWorkers(out, { index, count }, { experiment: "graph" })),
  );
  return open;
}
const stepOf = (name: string) => defineStep("score", name, { of: digestOf("settings", name) });
const workersOf = () => new StepRecords(out).all().then((all) => all.map(({ worker }) => worker));

describe("runGraph", () => {
  it("has each step done by one of several workers, after what it needs, and all of them find all done", async () => {
    const did: string[] = [];
    const first = Array.from({ length: 8 }, (_, i) =>
      single(stepOf(`first ${i}`), async () => {
        await sleep(3);
        did.push(`first ${i}`);
        return FACTS;
      }),
    );
    const second = single(
      stepOf("second"),
      async () => {
        did.push("second");
        return FACTS;
      },
      { needs: first.map(({ key }) => key) },
    );
    const workers = await several(3);
    const all = await Promise.all(workers.map((one) => graph([...first, second], one)));
    expect(all.map((records) => records.size)).toEqual([9, 9, 9]);
    expect(did.slice(0, 8).sort()).toEqual(first.map(({ name }) => name));
    expect(did.slice(8)).toEqual(["second"]);
    expect(new Set(await workersOf()).size).toBeGreaterThan(1);
  });

  it("does one at a time of batches with the same claim, whoever does them", async () => {
    let [inside, most] = [0, 0];
    const batches = ["a", "b", "c"].map((name) => ({
      ...single(stepOf(name), async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
        return FACTS;
      }),
      claim: "one model",
    }));
    const workers = await several(3);
    await Promise.all(workers.map((one) => graph(batches, one)));
    expect(most).toBe(1);
  });

  it("leaves out what nobody needs any more, also where another finds that out before", async () => {
    let needed = true;
    let made = 0;
    const making: Batch = {
      ...single(stepOf("make"), async () => {
        made += 1;
        needed = false; // as if all that it is for were done by the time that it is
        return FACTS;
      }),
      intact: async () => false, // removed since
      needless: async () => !needed,
    };
    await graph([making]);
    await graph([making]);
    expect(made).toBe(1);
    needed = true;
    await graph([making]);
    expect(made).toBe(2);
  });

  it("does again, with a new record, only what is not what it was", async () => {
    const place = join(out, "made");
    const batch = single(
      stepOf("make"),
      async () => {
        writeFileSync(place, "");
        return { ...FACTS, bytesWritten: existsSync(place) ? 1 : 0 };
      },
      { intact: async () => existsSync(place) },
    );
    await graph([batch]);
    const [before] = await several(1);
    rmSync(place);
    await graph([batch], before);
    expect(await workersOf()).toEqual([before?.id]);
    expect(readdirSync(join(out, "steps")).filter((name) => !name.startsWith("."))).toHaveLength(1);
  });
});
