// Models of the hub that are only looked at: `plan` and `inspect` read headers by ranges, and merges are refused before anything large
// is downloaded.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { DownloadOptions } from "../../../lib/checkpoint/obtain.js";
import type { RetemperError } from "../../../lib/errors.js";
import { inspect } from "../../../lib/merge/inspect.js";
import { merge } from "../../../lib/merge/merge.js";
import { plan } from "../../../lib/merge/plan.js";
import { planSweep } from "../../../lib/merge/planSweep.js";
import { startHub } from "../../hub/hubServer.js";
import { adapterOf, putVast, shardedModel, singleModel, tensorsOf } from "../../hub/models.js";
import { safetensors } from "../checkpoint/fixtures.js";

const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-headers-test-"));
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

let transformersCache = "";
let notes: string[] = [];
beforeEach(() => {
  transformersCache = mkdtempSync(join(root, "cache-"));
  notes = [];
  hub.clear();
});
const here = (more: DownloadOptions = {}) => ({
  transformersCache,
  hub: {
    env: { HF_HOME: root },
    endpoint: hub.endpoint,
    retryDelayMs: 1,
    onNote: (note: string) => notes.push(note),
    ...more,
  },
});
const linear = (...models: string[]) => ({
  merge_method: "linear",
  models: models.map((model) => ({ model, parameters: { weight: 1 } })),
});
const sent = () => hub.seen.reduce((sum, one) => sum + one.sent, 0);
const failed = (work: Promise<unknown>): Promise<RetemperError> =>
  work.then(
    () => expect.fail("it did not fail"),
    (error) => error,
  );
/** With a folder for temporary files that nobody else uses. */
async function inOwnPlace<T>(work: () => Promise<T>): Promise<T> {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = mkdtempSync(join(root, "tmp-"));
  try {
    return await work();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
}

describe("plan of models that are not here", () => {
  it("says the same as of models that are", async () => {
    hub.put("org/first", shardedModel(1));
    hub.put("org/second", singleModel(2));
    const recipe = linear("org/first", "org/second");
    const afar = await inOwnPlace(async () => {
      const planned = await plan(recipe, here());
      expect(readdirSync(tmpdir())).toEqual([]);
      return planned;
    });
    expect(readdirSync(transformersCache)).toEqual([]); // nothing is downloaded into it
    expect(notes.filter((note) => /headers were read from .* \(\d+ kB\)$/.test(note))).toHaveLength(2);
    const out = join(root, "merged");
    const report = await merge(recipe, out, here());
    expect({ files: afar.files, estimate: afar.estimate }).toEqual({
      files: report.files
        .filter(({ path }) => path.endsWith(".safetensors"))
        .map(({ path, bytes }) => ({ path, bytes })),
      estimate: report.estimate,
    });
    expect(await plan(recipe, here())).toEqual(afar);
  });

  it("reads kilobytes of a recipe of two models of 70 billion parameters", async () => {
    const first = putVast(hub, "org/seventy");
    putVast(hub, "org/seventy-chat");
    const facts = await plan(linear("org/seventy", "org/seventy-chat"), here());
    expect(facts.tensors).toHaveLength(first.tensors);
    expect(facts.estimate.bytesRead).toBe(2 * first.bytes);
    expect(first.bytes).toBeGreaterThan(140e9);
    expect(sent()).toBeLessThan(2 * 160_000);
    expect(hub.seen.filter(({ host, method }) => host === "storage" && method === "GET")).toHaveLength(
      2 * first.shards,
    ); // one each
  });

  it("is refused as the merge would be, and names the address", async () => {
    hub.put("org/first", singleModel(1));
    hub.put("org/wide", singleModel(1, 8));
    const error = await failed(plan(linear("org/first", "org/wide"), here()));
    expect(error).toMatchObject({ code: "INCOMPATIBLE" });
    hub.put("org/broken", { ...singleModel(), "model.safetensors": "no header at all, and longer than eight bytes" });
    const broken = await failed(plan(linear("org/first", "org/broken"), here()));
    expect(broken).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringMatching(/^http:.*org\/broken\/tree\/[0-9a-f]{40}\/model\.safetensors: /),
    });
    expect(`${broken.message}${broken.file}`).not.toContain(tmpdir());
  });

  it("reads on where a header is longer than was thought, and no further where ranges are not known", async () => {
    hub.put("org/first", singleModel(1));
    const names = Array.from(
      { length: 600 },
      (_, at) => [`model.layers.0.a.very.long.name.of.a.tensor.number.${at}.weight`, { shape: [1] }] as const,
    );
    hub.put("org/long", {
      "config.json": "{}",
      "model.safetensors": safetensors({ ...tensorsOf(1), ...Object.fromEntries(names) }),
    });
    expect((await inspect("org/long", here())).tensors).toHaveLength(605);
    hub.clear();
    hub.put("org/vast", {
      "config.json": "{}",
      "model.safetensors": safetensors({ "a.weight": { shape: [3_000_000] } }),
    });
    hub.faults.push({
      host: "storage",
      times: 9,
      answer: { status: 200, body: hub.contents("org/vast")["model.safetensors"] as Buffer },
    });
    expect((await inspect("org/vast", here())).bytes).toBe(12_000_000);
  });

  it("goes on through 429, 5xx and answers that break off", async () => {
    hub.put("org/first", shardedModel(1));
    hub.faults.push(
      { answer: 429 },
      { host: "storage", answer: 503 },
      { host: "storage", cutAnswer: 20, times: 2 },
      { url: /config\.json/, cutAnswer: 3 },
    );
    expect((await plan(linear("org/first"), here())).tensors).toHaveLength(5);
  });

  it("asks again for a part that begins elsewhere", async () => {
    hub.put("org/first", singleModel(1));
    hub.faults.push({ host: "storage", headers: { "content-range": "bytes 7-1048582/2000000" } });
    expect((await plan(linear("org/first"), here())).tensors).toHaveLength(5);
    const parts = hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range);
    expect(parts).toHaveLength(2);
    expect(parts[1]).toBe(parts[0]);
  });

  it("asks for tokenizers only where the recipe merges them", async () => {
    hub.put("org/first", singleModel(1));
    await plan(linear("org/first"), here());
    expect(hub.seen.filter(({ url }) => url.includes("tokenizer"))).toEqual([]);
    await failed(plan({ ...linear("org/first"), tokenizer: { source: "union" } }, here())); // this one is no tokenizer
    expect(hub.seen.filter(({ url }) => url.includes("tokenizer.json"))).not.toEqual([]);
  });

  it("is that of a sweep too, and of a model with an adapter", async () => {
    hub.put("org/first", singleModel(1));
    hub.put("org/adapter", adapterOf("org/first"));
    const recipe = { merge_method: "linear", models: [{ model: "org/first" }, { model: "org/first+org/adapter" }] };
    const { points } = await planSweep(recipe, { lambdas: [0.2, 0.4] }, here());
    expect(points).toHaveLength(2);
    expect(readdirSync(transformersCache)).toEqual([]);
  });
});

describe("inspect of a model that is not here", () => {
  it("shows it, and where it is", async () => {
    const { sha } = hub.put("org/shown", shardedModel(1));
    const facts = await inspect("org/shown", here());
    expect(facts).toMatchObject({ reference: "org/shown", folder: `${hub.endpoint}/org/shown/tree/${sha}`, layers: 2 });
    expect(facts.files.map(({ name }) => name)).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
    hub.put("org/shown-adapter", adapterOf("org/shown"));
    expect(await inspect("org/shown-adapter", here())).toMatchObject({
      kind: "adapter",
      adapter: { rank: 2, baseModel: "org/shown" },
    });
    expect(await inspect("org/shown+org/shown-adapter", here())).toMatchObject({
      adapter: { effects: { lowRank: 1 } },
    });
    expect(await inspect(`org/shown@${sha}`, here())).toMatchObject({ layers: 2 });
  });
});

describe("a merge of models that are not here", () => {
  it("is refused before anything large is downloaded where they do not fit", async () => {
    hub.put("org/first", singleModel(1, 64));
    hub.put("org/wide", singleModel(1, 128));
    const error = await failed(merge(linear("org/first", "org/wide"), join(root, "never"), here()));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(readdirSync(transformersCache)).toEqual([]);
    expect(existsSync(join(root, "never"))).toBe(false);
  });

  it("downloads them, and writes what a merge of folders writes", async () => {
    hub.put("org/first", singleModel(1));
    hub.put("org/adapter", adapterOf("org/first"));
    const phases: string[] = [];
    const recipe = { merge_method: "linear", models: [{ model: "org/first" }, { model: "org/first+org/adapter" }] };
    const options = { lambda: 0.5, onProgress: ({ phase }: { phase: string }) => phases.push(phase) };
    const report = await merge(recipe, join(root, "from-hub"), { ...here(), ...options });
    expect(new Set(phases)).toEqual(new Set(["download", "open", "merge", "finish"]));
    const folders = ["org/first", "org/adapter"].map((id) => folderOf(hub.contents(id)));
    const local = { merge_method: "linear", models: [{ model: folders[0] }, { model: `${folders[0]}+${folders[1]}` }] };
    await merge(local as never, join(root, "from-folders"), { lambda: 0.5 });
    const read = (name: string) => readFileSync(join(root, name, "model.safetensors"));
    expect(read("from-hub").equals(read("from-folders"))).toBe(true);
    expect(report.files.length).toBeGreaterThan(0);
    hub.clear();
    await merge(recipe, join(root, "again"), { ...here(), lambda: 0.5 });
    expect(hub.seen).toEqual([]); // what is in the cache is taken as it is
  });

  it("asks for no path with a slip, and for nothing offline", async () => {
    const folder = join(root, "work");
    mkdirSync(join(folder, "modles/aligned"), { recursive: true });
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const path of [
        "models/aligned",
        "modles/alinged",
        "./org/name",
        "modle/aligned",
        "org/recipe.yml",
        "gpt2",
      ]) {
        const error = await failed(merge(linear(path), join(root, "never"), here()));
        expect({ path, error }).toMatchObject({ path, error: { code: "BAD_INPUT" } });
      }
      await failed(merge(linear("org/first"), join(root, "never"), here({ offline: true })));
      expect(hub.seen).toEqual([]);
      const nothing = await failed(merge(linear("org/nothing-there"), join(root, "never"), here()));
      expect(nothing).toMatchObject({
        code: "BAD_INPUT",
        reason: "not-found",
        message: expect.stringContaining("there is no folder"),
      });
    } finally {
      process.chdir(before);
    }
  });
});

let count = 0;
function folderOf(files: Readonly<Record<string, Buffer>>): string {
  const folder = join(root, `folder-${count++}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}
