// One cache with Python's huggingface_hub: what our client has downloaded, the other finds, and the other way round.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { locate } from "../../../lib/checkpoint/locate.js";
import { obtain } from "../../../lib/checkpoint/obtain.js";
import { pull } from "../../../lib/merge/pull.js";
import { startHub } from "../../hub/hubServer.js";
import { NEEDED, shardedModel, singleModel } from "../../hub/models.js";
import { long } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { type PythonClient, pythonClient } from "./pythonClient.js";

const why = whyNoPython("huggingface_hub");
const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-one-cache-"));
const clients: PythonClient[] = [];
afterAll(async () => {
  for (const client of clients) client.close();
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(root, "home-"));
  hub.clear();
});
const python = (offline = false) => {
  const client = pythonClient({ endpoint: hub.endpoint, home, offline });
  clients.push(client);
  return client;
};
const own = () => ({
  transformersCache: join(home, "hub"),
  hub: { env: { HF_HOME: home }, endpoint: hub.endpoint, retryDelayMs: 1 },
});
const objects = () => hub.seen.filter(({ host, method }) => host === "storage" && method === "GET");

describe.skipIf(why !== undefined)(`one cache with huggingface_hub${why === undefined ? "" : ` (${why})`}`, () => {
  it("has there what pull brought, also offline", async () => {
    hub.put("org/single", singleModel());
    const { folder, commit } = await pull("org/single", own());
    hub.clear();
    const found = await python(true).ask<{ folder: string; files: object }>("snapshot", { repo_id: "org/single" });
    expect(found.folder).toBe(folder);
    expect(Object.keys(found.files).sort()).toEqual(NEEDED);
    const file = await python(true).ask<{ file: string }>("download", {
      repo_id: "org/single",
      path: "model.safetensors",
      revision: commit,
    });
    expect(file.file).toBe(join(folder, "model.safetensors"));
    const all = await python().ask<{ folder: string }>("snapshot", { repo_id: "org/single", allow_patterns: NEEDED });
    expect(all.folder).toBe(folder);
    expect(objects()).toEqual([]);
  });

  it.skipIf(!long)("has for us what snapshot_download brought, and pull adds what is missing", async () => {
    hub.put("org/sharded", shardedModel());
    const theirs = await python().ask<{ folder: string }>("snapshot", { repo_id: "org/sharded" });
    hub.clear();
    await obtain([{ path: "org/sharded" }], { cache: join(home, "hub"), hub: own().hub });
    expect(await locate({ path: "org/sharded" }, { cache: join(home, "hub") })).toBe(theirs.folder);
    expect(hub.seen).toEqual([]);
    const { downloaded, folder } = await pull("org/sharded", own());
    expect({ downloaded, folder }).toEqual({ downloaded: 0, folder: theirs.folder });
    hub.put("org/partly", shardedModel(2));
    await python().ask("download", { repo_id: "org/partly", path: "model-00001-of-00002.safetensors" });
    hub.clear();
    await obtain([{ path: "org/partly" }], { cache: join(home, "hub"), hub: own().hub });
    expect(objects()).toHaveLength(1);
  });

  it.skipIf(!long)("is not disturbed by what either left half done", async () => {
    hub.put("org/big", shardedModel(1, 64));
    hub.faults.push({ host: "storage", hold: 5000, times: 2 });
    const stop = new AbortController();
    const ours = pull("org/big", { ...own(), signal: stop.signal });
    const blobs = join(home, "hub/models--org--big/blobs");
    const parts = () => (existsSync(blobs) ? readdirSync(blobs).filter((name) => name.includes(".")) : []);
    await expect.poll(() => parts().filter((name) => statSync(join(blobs, name)).size === 5000).length).toBe(2);
    stop.abort(new Error("stopped"));
    await expect(ours).rejects.toThrow("stopped");
    hub.release();
    hub.clear();
    const theirs = await python().ask<{ folder: string; files: Record<string, string> }>("snapshot", {
      repo_id: "org/big",
    });
    const contents = hub.contents("org/big");
    expect(Object.entries(theirs.files).every(([name, hex]) => contents[name]?.toString("hex") === hex)).toBe(true);
    // An earlier huggingface_hub kept what came in files that it went on with.
    const [blob = ""] = readdirSync(blobs).filter(
      (name) => name.length === 64 && statSync(join(blobs, name)).size > 5000,
    );
    const content = readFileSync(join(blobs, blob));
    rmSync(blobs, { recursive: true });
    mkdirSync(blobs);
    writeFileSync(join(blobs, `${blob}.incomplete`), content.subarray(0, 4321));
    hub.clear();
    const again = await pull("org/big", own());
    expect(objects().map(({ range }) => range)).toContain("bytes=4321-");
    expect(
      readFileSync(join(again.folder, "model-00001-of-00002.safetensors")).equals(
        contents["model-00001-of-00002.safetensors"] as Buffer,
      ),
    ).toBe(true);
  });
});
