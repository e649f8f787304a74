// Names of the hub wherever a model stands: the same answers, settings and digests as of folders.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { obtain } from "../../../lib/checkpoint/obtain.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { obtainModels } from "../../../lib/experiment/checks/obtainModels.js";
import { Problems } from "../../../lib/experiment/settings/problems.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { distances } from "../../../lib/merge/distance.js";
import { planTuning } from "../../../lib/tune/planTuning.js";
import { startHub } from "../../hub/hubServer.js";
import { singleModel } from "../../hub/models.js";
import { converted, f32File, metadataOf, valuesOf } from "../checkpoint/gguf/asGguf.js";

const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-everywhere-"));
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

const filesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true }).flatMap((one) =>
      one.isFile() ? [[one.name, readFileSync(join(folder, one.name))] as const] : [],
    ),
  );
hub.put("org/aligned", filesOf("demo/model"));
hub.put("org/adapter", filesOf("demo/adapters/seed-42"));

let cache = "";
let notes: string[] = [];
beforeEach(() => {
  cache = mkdtempSync(join(root, "cache-"));
  vi.stubEnv("HF_HUB_CACHE", cache);
  notes = [];
  hub.clear();
});
const options = {
  hub: { env: { HF_HOME: root }, endpoint: hub.endpoint, retryDelayMs: 1, onNote: (note: string) => notes.push(note) },
};

describe("a name of the hub", () => {
  it("opens as a model, at a revision, and answers as the folder does", async () => {
    const { sha } = hub.put("org/aligned", {});
    const logitsOf = async (source: string) => {
      const model = await openModel(source, { engine: "native", threads: 1, ...options });
      const [logits] = await model.logits([[1, 5, 9, 3]]);
      await model.close();
      return logits;
    };
    expect(await logitsOf(`org/aligned@${sha}`)).toEqual(await logitsOf("demo/model"));
    expect(notes).toEqual([expect.stringMatching(/^the model org\/aligned at [0-9a-f]{40} is downloaded into /)]);
  });

  it("with a file's path is one GGUF file of several, also where it lies in a folder of its own", async () => {
    const addon = loadAddon();
    const golden = await openCheckpoint("test/golden/models/qwen2", { addon });
    const tensors = converted("qwen2", valuesOf(golden), golden.config);
    const file = f32File(metadataOf("qwen2", golden.config), tensors);
    hub.put("org/many-GGUF", { "F32/tiny-F32.gguf": file, "tiny-Q8_0.gguf": "another" });
    await obtain([{ path: "org/many-GGUF/F32/tiny-F32.gguf" }], options);
    const opened = await openCheckpoint("org/many-GGUF/F32/tiny-F32.gguf", { addon, decodes: true });
    expect([...opened.tensors.keys()].sort()).toEqual([...golden.tensors.keys()].sort());
    expect(hub.seen.filter(({ host }) => host === "storage")).toHaveLength(1);
    hub.clear();
    await obtain([{ path: "org/many-GGUF/F32/tiny-F32.gguf" }], options);
    expect(hub.seen).toEqual([]);
  });

  it("is tuned, and measured", async () => {
    const rows = [{ prompt: "How is the weather?", response: "Fine." }];
    expect(await planTuning("org/aligned", rows, { epochs: 1, ...options })).toMatchObject({ rows: 1 });
    const [[, distance] = []] = await distances(["org/aligned", "org/aligned+org/adapter"], options);
    expect(distance).toBeGreaterThan(0);
  });

  it("stands in an experiment; what cannot be had is a problem of its setting", async () => {
    hub.put("closed/judge", singleModel(), { gated: true });
    const settings = {
      aligned: "org/aligned",
      tuned: [
        { seed: 1, adapter: "org/adapter" },
        { seed: 2, adapter: "org/nothing" },
      ],
      methods: ["linear"],
      safety: { sets: ["safety:requests.jsonl"], judges: ["wildguard:closed/judge"] },
      task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
    };
    const problems = new Problems();
    await obtainModels(settings as never, problems, options);
    expect(readdirSync(cache).filter((name) => name.startsWith("models--"))).toEqual([
      "models--closed--judge",
      "models--org--adapter",
      "models--org--aligned",
    ]);
    expect(() => problems.throwIfAny()).toThrow(/org\/nothing(.|\n)*closed\/judge at main is gated/);
  });
});
