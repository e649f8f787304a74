// Our push and that of Python's huggingface_hub: on the same server they bring the same to the hub, each finds what the other
// brought, and each reads it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { pull } from "../../../lib/merge/pull.js";
import { type Hub, startHub, WRITER } from "../../hub/hubServer.js";
import { sha256 } from "../../hub/store.js";
import { long } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { asPushed, MODEL, onHub, pushPlace, weights } from "../../unit/hub/pushFixture.js";
import { pythonClient } from "./pythonClient.js";

const why = whyNoPython("huggingface_hub");
if (why) console.log(`SKIPPED the tests of pushing beside Python's huggingface_hub: ${why}`);
const hub: Hub = await startHub();
const place = pushPlace(hub);
const home = mkdtempSync(join(tmpdir(), "retemper-push-python-"));
const python = why === undefined ? pythonClient({ endpoint: hub.endpoint, home, token: WRITER }) : undefined;
afterAll(async () => {
  python?.close();
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => hub.clear());

const FILES = {
  ...MODEL,
  "extra.safetensors": weights(300, 3),
  "empty.txt": "",
  "deep/er/notes with a space and ü.txt": "x",
};
const puts = () => hub.seen.filter(({ method }) => method === "PUT");

async function ask<T extends object>(what: string, options: object): Promise<T> {
  if (!python) throw new Error("no Python");
  const answer = await python.ask<T>(what, options);
  expect(answer.error, answer.text).toBeUndefined();
  return answer;
}

/** What the head of main says of each file: how it is kept, its digest and size. */
function head(id: string) {
  const repository = hub.repository(id);
  const commit = repository?.commits.get(repository.references.get("main") ?? "");
  return [...(commit?.files ?? [])].map(([path, { oid, size, lfs }]) => [path, oid, size, lfs?.sha256]).sort();
}

function digests(files: Readonly<Record<string, string>>): Record<string, string> {
  const { ".gitattributes": _, ...rest } = files;
  return Object.fromEntries(Object.entries(rest).map(([path, hex]) => [path, sha256(Buffer.from(hex, "hex"))]));
}

describe.skipIf(why !== undefined)("a push beside that of Python's huggingface_hub", () => {
  it("brings the same commit: the same files, large and small, in the same parts", async () => {
    const out = place.folder(FILES);
    await ask("upload", { repo_id: "org/theirs", folder: out });
    const theirs = puts().map(({ received }) => received);
    hub.clear();
    await place.push(out, "org/ours");
    expect(head("org/ours")).toEqual(head("org/theirs"));
    const byLength = (a: number, b: number) => a - b;
    const ours = puts().map(({ received }) => received);
    expect(ours.sort(byLength)).toEqual(theirs.sort(byLength));
    expect(hub.repository("org/ours")?.commits.size).toBe(hub.repository("org/theirs")?.commits.size);
  });

  it("finds what the other brought: nothing is sent, no commit is made", async () => {
    const out = place.folder(FILES);
    const theirs = await ask<{ commit: string }>("upload", { repo_id: "org/first", folder: out });
    hub.clear();
    expect((await place.push(out, "org/first")).commit).toBe(theirs.commit);
    const ours = await place.push(out, "org/second");
    const sent = puts().length;
    const again = await ask<{ commit: string }>("upload", { repo_id: "org/second", folder: out });
    expect(again.commit).toBe(ours.commit);
    expect(puts()).toHaveLength(sent);
  });

  it.skipIf(!long)("is read by both: main, a private repository, a branch and a pull request", async () => {
    const out = place.folder(FILES);
    await place.push(out, "org/read", { private: true });
    await place.push(out, "org/read", { revision: "next/one", into: "again" });
    await place.push(place.folder({ ...MODEL, "config.json": '{"model_type":"qwen2"}' }), "org/read", {
      pullRequest: true,
    });
    for (const revision of ["main", "next/one", "refs/pr/1"]) {
      const { files } = await ask<{ files: Record<string, string> }>("snapshot", { repo_id: "org/read", revision });
      expect(digests(files), revision).toEqual(onHub(hub, "org/read", revision));
    }
    const hubOptions = { env: { ...place.env, HF_HUB_OFFLINE: "1" } };
    // from what Python brought into the cache
    const pulled = await pull("org/read", { transformersCache: join(home, "hub"), hub: hubOptions });
    expect(asPushed(pulled.folder, MODEL)).toEqual(asPushed(out, MODEL));
  });
});
