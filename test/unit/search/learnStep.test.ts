// A step that learns: its numbers are kept, and what is no number that JSON has is refused.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../lib/experiment/digests/digestOf.js";
import { soleWorker } from "../../../lib/experiment/sharing/workers.js";
import type { Graph } from "../../../lib/experiment/stages.js";
import { Progress } from "../../../lib/experiment/steps/progress.js";
import { runGraph } from "../../../lib/experiment/steps/runGraph.js";
import { StepRecords } from "../../../lib/experiment/steps/stepRecords.js";
import { learnStep } from "../../../lib/search/gradient/learnStep.js";

const place = mkdtempSync(join(tmpdir(), "retemper-learn-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const records = new StepRecords(place);
const progress = new Progress(undefined, { name: "learning", labels: {} } as ConstructorParameters<typeof Progress>[1]);
const graph: Graph = (batches) => runGraph(batches, { records, workers: soleWorker, progress });
const step = (name: string) => ({ name, inputs: { how: digestOf("settings", name) }, tokens: 1 });

describe("a step that learns", () => {
  it("gives what was kept, and does not learn again", async () => {
    const first = await learnStep({ graph, records }, step("kept"), async () => [0.5, -1]);
    const again = () => Promise.reject(new Error("learned again"));
    expect([first, await learnStep({ graph, records }, step("kept"), again)]).toEqual([
      [0.5, -1],
      [0.5, -1],
    ]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses %s, and keeps nothing of it", async (value) => {
    const refused = learnStep({ graph, records }, step(`loss ${value}`), async () => ({ loss: value }));
    await expect(refused).rejects.toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining(`${value}`) });
    let learned = 0;
    await learnStep({ graph, records }, step(`loss ${value}`), async () => ++learned);
    expect(learned).toBe(1); // it is to be done still
  });
});
