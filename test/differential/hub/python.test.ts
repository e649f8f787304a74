// The test server is a hub to Python's huggingface_hub: what the reference client does on it works, so what our client does
// on it can be believed.

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type Hub, READER, startHub, WRITER } from "../../hub/hubServer.js";
import { sha256 } from "../../hub/store.js";
import { long } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { type PythonClient, pythonClient } from "./pythonClient.js";

const why = whyNoPython("huggingface_hub");
const root = mkdtempSync(join(tmpdir(), "retemper-python-hub-"));
const clients: PythonClient[] = [];
const hub: Hub = await startHub();
/** Each start of Python, and each of its pauses before it tries again, takes the better part of a second. */
const inLongForm = it.skipIf(!long);
afterAll(async () => {
  for (const client of clients) client.close();
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => hub.clear());

let count = 0;
function client(token?: string) {
  const home = join(root, `home-${count++}`);
  const made = pythonClient({ endpoint: hub.endpoint, home, ...(token !== undefined && { token }) });
  clients.push(made);
  return made;
}

const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7919) % 251));
const MODEL = {
  "config.json": Buffer.from('{"model_type": "llama"}'),
  "tokenizer/tokenizer.json": Buffer.from("{}"),
  "empty.txt": Buffer.alloc(0),
  "model-00001-of-00002.safetensors": bytes(150_000), // four parts
  "model-00002-of-00002.safetensors": bytes(999), // whole
};
function folderOf(files: Readonly<Record<string, Buffer>>): string {
  const folder = join(root, `folder-${count++}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}
const hex = (files: Readonly<Record<string, Buffer>>) =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path, content.toString("hex")]));
const withoutAttributes = ({ ".gitattributes": _, ...files }: Record<string, Buffer>) => files;

interface Uploaded {
  readonly commit: string;
  readonly url: string;
  readonly pr: string | null;
}
interface Snapshot {
  readonly folder: string;
  readonly files: Record<string, string>;
}

if (why) console.log(`SKIPPED the tests of the hub with Python's huggingface_hub: ${why}`);
describe.skipIf(why !== undefined)("Python's huggingface_hub on the test server", () => {
  const python = why === undefined ? client(WRITER) : undefined;
  const ask = <T extends object>(what: string, options: object) => {
    if (!python) throw new Error("no Python");
    return python.ask<T>(what, options);
  };

  it("uploads a folder, in parts and whole, and downloads the same bytes", async () => {
    const upload = await ask<Uploaded>("upload", { repo_id: "org/model", folder: folderOf(MODEL), private: true });
    expect(upload.error, upload.text).toBeUndefined();
    expect(withoutAttributes(hub.contents("org/model"))).toEqual(MODEL);
    expect(hub.repository("org/model")?.private).toBe(true);
    const puts = hub.seen.filter(({ method }) => method === "PUT");
    expect(puts.map(({ received }) => received).sort((a, b) => b - a)).toEqual([40_000, 40_000, 40_000, 30_000, 999]);
    const { files, folder } = await ask<Snapshot>("snapshot", { repo_id: "org/model" });
    expect(folder).toMatch(new RegExp(`${upload.commit}$`));
    const { ".gitattributes": _, ...rest } = files;
    expect(rest).toEqual(hex(MODEL));
  });

  it("uploads what is new only, and makes no commit where nothing is", async () => {
    const folder = folderOf(MODEL);
    const first = await ask<Uploaded>("upload", { repo_id: "org/again", folder });
    hub.clear();
    const second = await ask<Uploaded>("upload", { repo_id: "org/again", folder });
    expect(second.commit).toBe(first.commit);
    expect(hub.seen.filter(({ method }) => method === "PUT")).toEqual([]);
  });

  it("writes to a branch, opens a pull request, and reads both", async () => {
    hub.put("org/branches", { "config.json": "{}" });
    const folder = folderOf({ "config.json": Buffer.from('{"new": 1}') });
    const branch = await ask<Uploaded>("upload", { repo_id: "org/branches", folder, revision: "next/one" });
    expect(branch.error, branch.text).toBeUndefined();
    const request = await ask<Uploaded>("upload", { repo_id: "org/branches", folder, create_pr: true });
    expect(request.pr).toBe(`${hub.endpoint}/org/branches/discussions/1`);
    for (const revision of ["next/one", "refs/pr/1", branch.commit]) {
      const { files } = await ask<Snapshot>("snapshot", { repo_id: "org/branches", revision });
      expect(files["config.json"], revision).toBe(Buffer.from('{"new": 1}').toString("hex"));
    }
    const { files } = await ask<Snapshot>("snapshot", { repo_id: "org/branches" });
    expect(files["config.json"]).toBe(Buffer.from("{}").toString("hex"));
  });

  it("reads what a repository is: info, tree page by page, paths, references", async () => {
    const weights = bytes(2000);
    const { sha } = hub.put("org/listed", { "config.json": "{}", "a/b/c.txt": "x", "w.safetensors": weights });
    hub.settings.pageSize = 2;
    const found = await ask<Record<string, unknown>>("listing", { repo_id: "org/listed" });
    hub.settings.pageSize = 1000;
    const files = {
      ".gitattributes": [expect.any(Number), null],
      "a/b/c.txt": [1, null],
      "config.json": [2, null],
      "w.safetensors": [2000, sha256(weights)],
    };
    const expected = { sha, private: false, siblings: files, tree: files, paths: ["config.json"], me: "writer" };
    expect(found).toEqual({ ...expected, branches: ["main"], requests: [] });
    expect(hub.seen.filter(({ url }) => url.includes("/tree/")).length).toBeGreaterThan(2);
  });

  it("does data sets as well, and renamed repositories", async () => {
    const upload = await ask<Uploaded>("upload", {
      repo_id: "org/rows",
      folder: folderOf({ "rows.csv": Buffer.from("a\n1\n"), "rows.parquet": bytes(500) }),
      repo_type: "dataset",
    });
    expect(upload.error, upload.text).toBeUndefined();
    const { files } = await ask<Snapshot>("snapshot", { repo_id: "org/rows", repo_type: "dataset" });
    expect(files["rows.parquet"]).toBe(bytes(500).toString("hex"));
    hub.put("org/new-name", { "config.json": "{}", "w.safetensors": bytes(7) });
    hub.store.renamed.set("org/old-name", "org/new-name");
    const old = await ask<Snapshot>("snapshot", { repo_id: "org/old-name" });
    expect(old.files["w.safetensors"]).toBe(bytes(7).toString("hex"));
  });

  inLongForm("tells private, gated and missing apart", async () => {
    hub.put("org/secret", { "config.json": "{}" }, { private: true });
    hub.put("org/gate", { "config.json": "{}", "w.safetensors": bytes(9) }, { gated: true });
    const names: (string | undefined)[] = [];
    for (const token of ["", READER, "hf_wrong"]) {
      const other = client(token);
      for (const repo_id of ["org/secret", "org/gate", "org/none"]) {
        names.push((await other.ask("download", { repo_id, path: "config.json" })).error);
      }
      other.close();
    }
    const [none, gated] = ["RepositoryNotFoundError", "GatedRepoError"];
    expect(names.slice(0, 6)).toEqual([none, gated, none, none, gated, none]);
    expect(names.slice(6).every((name) => name !== undefined && name !== none && name !== gated)).toBe(true);
    hub.store.users.get(READER)?.accepted.add("org/gate");
    const reader = client(READER);
    const { files } = await reader.ask<Snapshot>("snapshot", { repo_id: "org/gate" });
    expect(files["w.safetensors"]).toBe(bytes(9).toString("hex"));
  });

  it("never sends its token to the host of large files, here as on the real hub", async () => {
    await ask("upload", { repo_id: "org/token", folder: folderOf(MODEL) });
    await ask("snapshot", { repo_id: "org/token" });
    const tokens = new Set(hub.seen.filter(({ host }) => host !== "hub").map(({ authorization }) => authorization));
    expect(tokens).toEqual(new Set([undefined]));
  });

  inLongForm("goes on where a download broke, and ends with the same bytes", async () => {
    hub.put("org/cut", { "w.safetensors": bytes(150_000) });
    hub.faults.push({ host: "storage", method: "GET", cutAnswer: 60_000 });
    const { file, ...rest } = await ask<{ file: string }>("download", { repo_id: "org/cut", path: "w.safetensors" });
    expect(rest).toEqual({});
    expect(readFileSync(realpathSync(file)).equals(bytes(150_000))).toBe(true);
  });

  it("is refused a commit that points to an object which was never uploaded whole", async () => {
    const folder = folderOf({ "w.safetensors": bytes(999) });
    hub.faults.push({ method: "PUT", answer: { status: 200 } }); // says yes, and keeps nothing
    const upload = await ask<Uploaded>("upload", { repo_id: "org/lost", folder });
    expect(upload.error).toBeDefined();
    expect(Object.keys(hub.contents("org/lost"))).toEqual([".gitattributes"]);
  });
});
