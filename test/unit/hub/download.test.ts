// Downloads from a hub that fails in every way that real ones do.

import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { downloadFile } from "../../../lib/hub/download.js";
import { type HubOptions, hubSettings } from "../../../lib/hub/settings.js";
import { COMMIT, mockHub } from "./mockHub.js";

const hub = await mockHub();
const root = mkdtempSync(join(tmpdir(), "retemper-hub-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const TOKEN = "hf_secretCanaryToken";
const big = Buffer.alloc(300_000, "lines of a file that is stored elsewhere\n");
const wanted = { dataset: "org/set", revision: "main", path: "data/rows.csv" };
const stored = { ...wanted, path: "data/big.parquet" };
let cache = "";
let notes: string[] = [];

beforeEach(() => {
  cache = mkdtempSync(join(root, "cache-"));
  notes = [];
  hub.seen.length = 0;
  hub.fault = undefined;
  hub.commit = COMMIT;
  hub.files.clear();
  hub.files.set("org/set/data/rows.csv", { content: Buffer.from("prompt\nhello\n") });
  hub.files.set("org/set/data/big.parquet", { content: big, lfs: true });
});

async function download(file = wanted, options: HubOptions = {}) {
  const settings = await hubSettings({
    cache,
    endpoint: hub.endpoint,
    env: { HF_HOME: root },
    retryDelayMs: 1,
    onNote: (note) => notes.push(note),
    ...options,
  });
  return downloadFile(file, settings);
}

describe("a download", () => {
  it("lies in the cache as huggingface_hub lays it", async () => {
    const { file, commit } = await download();
    expect(commit).toBe(COMMIT);
    expect(file).toBe(join(cache, "datasets--org--set/snapshots", COMMIT, "data/rows.csv"));
    expect(readFileSync(file, "utf8")).toBe("prompt\nhello\n");
    expect(readlinkSync(file)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(readFileSync(join(cache, "datasets--org--set/refs/main"), "utf8")).toBe(COMMIT);
  });

  it("comes once: the second time the hub is asked what it is, and no more", async () => {
    await download(stored);
    hub.seen.length = 0;
    await download(stored);
    expect(hub.seen.map(({ method }) => method)).toEqual(["HEAD"]);
    hub.seen.length = 0;
    await download({ ...stored, revision: COMMIT });
    expect(hub.seen).toEqual([]);
  });

  it("writes nothing into a cache that has it all", async () => {
    const first = await download();
    const files = () =>
      readdirSync(cache, { recursive: true, encoding: "utf8" })
        .sort()
        .map((name) => [name, lstatSync(join(cache, name)).ino, lstatSync(join(cache, name)).mtimeMs]);
    const before = files();
    expect(await download()).toEqual(first);
    expect(files()).toEqual(before);
  });

  it("follows a branch to its new commit", async () => {
    await download();
    hub.commit = "f".repeat(40);
    hub.files.set("org/set/data/rows.csv", { content: Buffer.from("prompt\nnew\n") });
    const { file, commit } = await download();
    expect(commit).toBe("f".repeat(40));
    expect(readFileSync(file, "utf8")).toBe("prompt\nnew\n");
  });

  it("sends the token to the hub and never to the host that it leads to", async () => {
    await download(stored, { token: TOKEN });
    const hosts = new Set(hub.seen.map(({ host, authorization }) => `${host}: ${authorization}`));
    expect(hosts).toEqual(new Set([`hub: Bearer ${TOKEN}`, "storage: undefined"]));
  });

  it("takes address, token and cache from the environment", async () => {
    const env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN, HF_HUB_CACHE: cache };
    const settings = await hubSettings({ env });
    await downloadFile(wanted, settings);
    expect(hub.seen[0]?.authorization).toBe(`Bearer ${TOKEN}`);
    expect(existsSync(join(cache, "datasets--org--set"))).toBe(true);
  });

  it("goes on where the connection broke", async () => {
    let cuts = 2;
    hub.fault = (request, response, host) => {
      if (host !== "storage" || cuts === 0) return false;
      cuts -= 1;
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        "content-length": String(big.length - start),
        ...(start > 0 && { "content-range": `bytes ${start}-${big.length - 1}/${big.length}` }),
      });
      response.write(big.subarray(start, start + 100_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    const { file } = await download(stored);
    expect(readFileSync(file).equals(big)).toBe(true);
    const ranges = hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1)).toEqual(["bytes=100000-", "bytes=200000-"]);
  });

  it("begins anew where the server does not know ranges", async () => {
    let first = true;
    hub.fault = (request, response, host) => {
      if (host !== "storage") return false;
      response.writeHead(200, { "content-length": String(big.length) });
      if (first) response.write(big.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
      else response.end(request.method === "HEAD" ? undefined : big);
      first = false;
      return true;
    };
    expect(readFileSync((await download(stored)).file).equals(big)).toBe(true);
  });

  it("waits and tries again after 429 and 5xx, and says so", async () => {
    const answers = [429, 503, 500];
    hub.fault = (_, response) => {
      const status = answers.shift();
      if (status === undefined) return false;
      response.writeHead(status, status === 429 ? { "retry-after": "0" } : {}).end("busy");
      return true;
    };
    await download();
    expect(notes.map((note) => note.match(/answered (\d+)/)?.[1])).toEqual(["429", "503", "500"]);
  });

  it("gives up after some tries", async () => {
    hub.fault = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(download()).rejects.toMatchObject({ code: "NETWORK", message: expect.stringContaining("503") });
    expect(hub.seen.length).toBeLessThan(10);
  });

  it.each([
    [401, undefined, /HF_TOKEN/],
    [401, TOKEN, /not valid/],
    [403, TOKEN, /accept the terms/],
    [404, TOKEN, /check the name/],
  ])("ends at once at %i, with what helps, and without a word of the token", async (status, token, hint) => {
    hub.fault = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    const error = await download(wanted, { token }).catch((reason) => reason);
    expect(error).toMatchObject({ code: "NETWORK", hint: expect.stringMatching(hint) });
    expect(`${error.message}${error.hint}${error.stack}`).not.toContain(TOKEN);
    expect(hub.seen).toHaveLength(1);
  });

  it.each([401, 403, 404, 429, 500, 503])("never says the token, where a server repeats it with %i", async (status) => {
    hub.fault = (request, response) => {
      const repeated = `${request.headers.authorization} is wrong`;
      response
        .writeHead(status, { "x-error-message": repeated, "x-error-code": TOKEN })
        .end(JSON.stringify({ error: repeated }));
      return true;
    };
    const error = await download(wanted, { token: TOKEN }).catch((reason) => reason);
    expect(error).toMatchObject({ code: "NETWORK" });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(TOKEN);
    expect(notes.join()).not.toContain(TOKEN);
  });

  it("refuses what does not have its digest, and leaves nothing of it", async () => {
    hub.fault = (_, response, host) => {
      if (host !== "storage") return false;
      response.writeHead(200).end("something else");
      return true;
    };
    await expect(download(stored)).rejects.toMatchObject({ message: expect.stringContaining("digest") });
    expect(existsSync(join(cache, "datasets--org--set/snapshots"))).toBe(false);
  });

  it("takes nothing from a server that is no hub", async () => {
    hub.fault = (_, response) => {
      response.writeHead(200, { etag: '"abc"' }).end("<html>");
      return true;
    };
    await expect(download()).rejects.toMatchObject({ code: "NETWORK", hint: expect.stringContaining("HF_ENDPOINT") });
  });

  it("does not go round in circles", async () => {
    hub.fault = (request, response) => {
      response.writeHead(302, { location: `${request.url}` }).end();
      return true;
    };
    await expect(download()).rejects.toThrow(/circles/);
  });

  it("stops when its signal says so", async () => {
    const controller = new AbortController();
    hub.fault = () => {
      controller.abort(new Error("enough"));
      return true; // and never answers
    };
    await expect(download(wanted, { signal: controller.signal })).rejects.toThrow("enough");
  });

  it("refuses paths that lead out of the repository", async () => {
    for (const path of ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a\\b"]) {
      await expect(download({ ...wanted, path })).rejects.toMatchObject({ code: "BAD_INPUT" });
    }
    expect(hub.seen).toEqual([]);
  });
});

describe("without the network", () => {
  it("finds what the cache holds, by branch and by commit", async () => {
    await download();
    hub.seen.length = 0;
    const offline = { env: { HF_HUB_OFFLINE: "1" }, endpoint: hub.endpoint };
    expect((await download(wanted, offline)).commit).toBe(COMMIT);
    expect((await download({ ...wanted, revision: COMMIT }, offline)).commit).toBe(COMMIT);
    expect(hub.seen).toEqual([]);
  });

  it("says what the cache does not hold", async () => {
    await expect(download(wanted, { offline: true })).rejects.toMatchObject({
      code: "NETWORK",
      hint: expect.stringContaining("the option offline"),
    });
  });

  it("uses the cache where the hub cannot be reached, and says so", async () => {
    await download();
    const { commit } = await download(wanted, { endpoint: "http://127.0.0.1:9" });
    expect(commit).toBe(COMMIT);
    expect(notes.at(-1)).toMatch(/cannot be reached: using commit 0123/);
  });

  it("does not take a refusal for silence", async () => {
    await download();
    hub.fault = (_, response) => {
      response.writeHead(403).end();
      return true;
    };
    await expect(download()).rejects.toThrow(/403/);
  });
});
