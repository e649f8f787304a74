// When an evaluation is the same step as an earlier one: what judges and metrics are counts, where they ran does not.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { wildGuardJudge } from "../../../lib/evaluate/judges/wildGuard.js";
import { loadSuite } from "../../../lib/evaluate/run/loadSuite.js";
import type { BertScoreSettings } from "../../../lib/evaluate/tasks/context.js";
import type { Judge, Task } from "../../../lib/evaluate/types.js";
import { asDigest } from "../../../lib/experiment/digests/digestOf.js";
import { ModelDigests } from "../../../lib/experiment/digests/modelDigests.js";
import { Measuring, type MeasuringParts } from "../../../lib/experiment/steps/measuring.js";
import { scorerDigestWith } from "../../../lib/experiment/store/store.js";
import { CannedModel } from "../evaluate/cannedModel.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-keys-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const rows = join(folder, "rows.jsonl");
writeFileSync(rows, '{"prompt":"a","reference":"b"}\n{"prompt":"c","reference":"d"}\n');

const model = new CannedModel(() => "b");

function tasksWith(facts: object, layer: number): Promise<Task[]> {
  const encoder: BertScoreSettings["encoder"] = {
    facts,
    layers: 48,
    maxLength: 512,
    endIds: { start: 0, end: 1 },
    encode: () => [0, 1],
    hidden: async () => [],
  };
  return loadSuite(model, [`bertscore:${rows}`], { bertScore: { encoder, layer } });
}

interface Wanted {
  readonly tasks: readonly Task[];
  readonly judges?: readonly Judge[];
  readonly digests?: Readonly<Record<string, string>>;
}

/** What the steps of a model's answers and verdicts are named by. */
async function keyOf({ tasks, judges = [], digests = {} }: Wanted): Promise<string> {
  const models = new ModelDigests({
    model: async (path) => digests[path] as string,
    modelOrFile: async (path) => path,
  });
  await models.learn(Object.keys(digests));
  const parts = {
    settings: { safety: {} },
    checked: { engine: "native", judges: { judges } },
    scorerDigest: scorerDigestWith(models.within),
    byDigest: models.within,
  } as unknown as MeasuringParts;
  const subject = { kind: "folder", folder: "m", digest: asDigest("model", "digest") } as const;
  const { needs, batches } = new Measuring(parts).measure("model", subject, tasks);
  return [...needs, ...batches.map(({ key }) => key)].join();
}

describe("an evaluation is another step", () => {
  it("with another encoder or layer of BERTScore", async () => {
    const roberta = await keyOf({ tasks: await tasksWith({ model: "roberta-large" }, 17) });
    expect(await keyOf({ tasks: await tasksWith({ model: "roberta-large" }, 17) })).toBe(roberta);
    expect(await keyOf({ tasks: await tasksWith({ model: "deberta-xlarge-mnli" }, 17) })).not.toBe(roberta);
    expect(await keyOf({ tasks: await tasksWith({ model: "roberta-large" }, 16) })).not.toBe(roberta);
  });

  it("where the files of an encoder or of a judge hold something else, wherever they lie", async () => {
    const of = async (place: string, digest: string) =>
      keyOf({
        tasks: await tasksWith({ model: place }, 17),
        judges: [wildGuardJudge(async () => model, { source: place })],
        digests: { [place]: digest },
      });
    expect(await of("/here", "1")).toBe(await of("/there", "1"));
    expect(await of("/here", "1")).not.toBe(await of("/here", "2"));
    const judges = [wildGuardJudge(async () => model, { source: "/here" })];
    const tasks = (await tasksWith({}, 17)).map((task): Task => ({ ...task, kind: "safety" }));
    const judged = (digest: string) => keyOf({ tasks, judges, digests: { "/here": digest } });
    expect(await judged("1")).not.toBe(await judged("2"));
  });

  it("with other choices for the same questions", async () => {
    const choice = async (choices: readonly string[]) => {
      const [task] = (await tasksWith({}, 17)) as [Task];
      return keyOf({ tasks: [{ ...task, items: task.items.map((item) => ({ ...item, choices })) }] });
    };
    expect(await choice(["yes", "no"])).not.toBe(await choice(["yes", "perhaps"]));
  });
});

it("an evaluation is the same step on another device, of another time", async () => {
  const on = async (device: string, fingerprint: string) =>
    keyOf({
      tasks: await tasksWith({ model: "roberta-large", device, fingerprint, gpu: false, versions: { x: "1" } }, 17),
    });
  expect(await on("cpu, 2 threads", "a")).toBe(await on("cpu, 8 threads", "b"));
});
