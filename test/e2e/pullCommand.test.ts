// `retemper pull` as a process: killed and stopped while files come, started again, and together with a second one. In short, and in
// this process: test/unit/hub/pull.test.ts.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startHub } from "../hub/hubServer.js";
import { shardedModel, singleModel } from "../hub/models.js";
import { long } from "../long.js";
import { jsonLines, runProcess, start } from "./command.js";

const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-pull-command-"));
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

let env: Record<string, string> = {};
let blobs = "";
beforeEach(() => {
  const cache = mkdtempSync(join(root, "cache-"));
  env = { HF_HUB_CACHE: cache, HF_HOME: root, HF_ENDPOINT: hub.endpoint, HF_HUB_OFFLINE: "0" };
  blobs = join(cache, "models--org--big/blobs");
  hub.clear();
  hub.put("org/big", shardedModel(1, 64));
});

const partsIn = () => (existsSync(blobs) ? readdirSync(blobs).filter((name) => name.includes(".")) : []);
const sizes = () => partsIn().map((name) => statSync(join(blobs, name)).size);

function expectWhole(folder: string) {
  const contents = hub.contents("org/big");
  const names = readdirSync(folder);
  expect(names).toContain("model-00002-of-00002.safetensors");
  for (const name of names) expect(readFileSync(join(folder, name)).equals(contents[name] as Buffer)).toBe(true);
  expect(partsIn()).toEqual([]);
}

describe.skipIf(!long)("retemper pull", () => {
  it("that is killed again and again ends with the same bytes, and downloads none of them twice", async () => {
    for (const held of [5000, 7000]) {
      hub.clear();
      hub.faults.push({ host: "storage", hold: held, times: 2 });
      const { process: child, finished } = start(["pull", "org/big"], env);
      await expect.poll(() => hub.seen.filter(({ host }) => host === "storage").length, { timeout: 30_000 }).toBe(2);
      const here = held === 5000 ? 5000 : 12_000; // what came of the first run, and what came of this one
      await expect.poll(() => sizes().filter((size) => size === here).length, { timeout: 30_000 }).toBe(2);
      child.kill("SIGKILL");
      await finished;
      hub.release();
      // Nothing has a name that is not whole.
      for (const name of readdirSync(blobs).filter((one) => !one.includes("."))) {
        expect(statSync(join(blobs, name)).size).toBe(
          [...Object.values(hub.contents("org/big"))].find((one) => one.length === statSync(join(blobs, name)).size)
            ?.length,
        );
      }
      expect(existsSync(join(blobs, "../refs/main"))).toBe(false);
    }
    hub.clear();
    const { status, stdout } = await runProcess(["pull", "org/big", "--json"], env);
    expect(status).toBe(0);
    const { result } = jsonLines(stdout).at(-1) as { result: { folder: string } };
    expectWhole(result.folder);
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      "bytes=12000-",
      "bytes=12000-",
    ]);
  });

  it("that is stopped by Ctrl-C keeps what came, and says how to go on", async () => {
    hub.faults.push({ host: "storage", hold: 5000, times: 2 });
    const { process: child, finished } = start(["pull", "org/big"], env);
    await expect.poll(() => sizes().filter((size) => size === 5000).length, { timeout: 30_000 }).toBe(2);
    child.kill("SIGINT");
    const { status, stderr } = await finished;
    hub.release();
    expect({ status, stderr }).toMatchObject({
      status: 130,
      stderr: expect.stringContaining("go on with: retemper pull org/big"),
    });
    expect(partsIn()).toHaveLength(2);
    hub.clear();
    expect((await runProcess(["pull", "org/big"], env)).status).toBe(0);
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      "bytes=5000-",
      "bytes=5000-",
    ]);
  });

  it("in two processes at once downloads each file once", async () => {
    hub.faults.push({ host: "storage", hold: 5000 });
    const first = start(["pull", "org/big"], env);
    await expect.poll(() => sizes().includes(5000), { timeout: 30_000 }).toBe(true);
    const second = start(["pull", "org/big"], env);
    const waits = new Promise<void>((done) => {
      second.process.stderr?.on("data", (text) => /waiting for it/.test(String(text)) && done());
    });
    await waits;
    hub.release();
    const ended = await Promise.all([first.finished, second.finished]);
    expect(ended.map(({ status }) => status)).toEqual([0, 0]);
    expect(hub.seen.filter(({ host, method }) => host === "storage" && method === "GET")).toHaveLength(2);
    expectWhole(join(blobs, "../snapshots", readFileSync(join(blobs, "../refs/main"), "utf8")));
  });
});

describe.skipIf(!long)("a command that names a model which is not here", () => {
  it("says how much comes before it does, and needs nothing the next time", async () => {
    hub.put("org/single", singleModel());
    const plan = await runProcess(["inspect", "org/single"], env);
    expect(plan).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/its headers were read from .* \(\d+ kB\)/),
    });
    expect(existsSync(join(blobs, "../../models--org--single"))).toBe(false);
    const generate = await runProcess(["generate", "org/single", "--prompt", "x"], env);
    expect(generate.stderr).toMatch(/^note: the model org\/single at main is downloaded into .*: \d+ kB$/m);
    expect(generate.status).toBe(4); // it is no model that could answer
    hub.clear();
    await runProcess(["generate", "org/single", "--prompt", "x"], env);
    expect(hub.seen).toEqual([]);
  });
});
