// Pushes to hubs and over networks that fail, lie and lead elsewhere: the repository has all files or none, each part goes out as
// often as it must, and the token goes to the hub alone.

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Does } from "../../hub/faults.js";
import { type Hub, startHub, WRITER } from "../../hub/hubServer.js";
import { sha256 } from "../../hub/store.js";
import { casesOf } from "../../long.js";
import { asPushed, MODEL, onHub, pushPlace, weights } from "./pushFixture.js";

const hub: Hub = await startHub();
afterAll(() => hub.close());
const place = pushPlace(hub);
beforeEach(() => {
  hub.clear();
  place.notes.length = 0;
});

let count = 0;
const name = () => `org/faulty-${count++}`;
const puts = () => hub.seen.filter(({ method }) => method === "PUT");
const commits = (id: string) => hub.repository(id)?.commits.size;

/** The requests of a push, by what they are for. */
const STEPS: Readonly<Record<string, { readonly method: string; readonly url: RegExp }>> = {
  look: { method: "GET", url: /\/revision\/main/ },
  make: { method: "POST", url: /\/api\/repos\/create/ },
  preupload: { method: "POST", url: /\/preupload\// },
  batch: { method: "POST", url: /\/objects\/batch/ },
  part: { method: "PUT", url: /\/parts\// },
  whole: { method: "PUT", url: /\/incoming\// },
  complete: { method: "POST", url: /\/complete_multipart/ },
  verify: { method: "POST", url: /\/objects\/verify/ },
  commit: { method: "POST", url: /\/commit\// },
};
const FAULTS: Readonly<Record<string, Does>> = {
  "answers 429": { answer: { status: 429, headers: { "retry-after": "0" } } },
  "answers 503": { answer: 503 },
  "breaks off while it is asked": { cutRequest: 1 },
  "does it and breaks off": { loseAnswer: true },
  "breaks off in its answer": { cutAnswer: 1 },
};
const FILES = { ...MODEL, "extra.safetensors": weights(500, 2) };

describe("a push goes on, to the same bytes by one commit, where the hub", () => {
  const all = Object.keys(FAULTS).flatMap((fault) => Object.keys(STEPS).map((step) => [fault, step] as const));
  const few = all.filter(([fault, step]) => fault === "does it and breaks off" && /commit|complete|part/.test(step));
  it.each(casesOf(all, few))("%s at the step %s", async (fault, step) => {
    const [id, out] = [name(), place.folder(FILES)];
    const does = FAULTS[fault] as Does;
    // An answer without a body cannot break off in it.
    if (does.cutAnswer !== undefined && (step === "part" || step === "whole")) return;
    hub.faults.push({ ...STEPS[step], ...does });
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, FILES));
    expect(commits(id)).toBe(2);
    expect(place.notes.length).toBeGreaterThan(0);
  });

  it("breaks off at every third request", async () => {
    const [id, out] = [name(), place.folder(FILES)];
    hub.faults.push({ every: 3, times: 100, loseAnswer: true });
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, FILES));
    expect(commits(id)).toBe(2);
  });

  it("makes the pull request and does not say so: there is one, not two", async () => {
    const [id, out] = [name(), place.folder()];
    hub.put(id, { "config.json": "{}" });
    hub.faults.push({ ...STEPS.commit, loseAnswer: true });
    const report = await place.push(out, id, { pullRequest: true });
    expect(hub.repository(id)?.pullRequests).toHaveLength(1);
    expect(report.pullRequest).toBe(`${hub.endpoint}/${id}/discussions/1`);
    expect(hub.repository(id)?.references.get("refs/pr/1")).toBe(report.commit);
  });

  it("has a newer commit of somebody else: ours follows it, and both are there", async () => {
    const [id, out] = [name(), place.folder()];
    hub.put(id, { "config.json": "{}" });
    let meanwhile = () => void hub.put(id, { "theirs.txt": "theirs" }, { message: "theirs" });
    await place.push(out, id, {
      onProgress: ({ phase }) => {
        if (phase !== "send") return;
        meanwhile();
        meanwhile = () => {};
      },
    });
    expect(onHub(hub, id)).toEqual({ ...asPushed(out), "theirs.txt": sha256(Buffer.from("theirs")) });
  });
});

describe("what comes broken to the storage", () => {
  it.each(["part", "whole"])("is found by its digest and sent again: a changed byte of a %s", async (step) => {
    const [id, out] = [name(), place.folder(FILES)];
    hub.faults.push({ ...STEPS[step], corruptRequest: 100 });
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, FILES));
    expect(place.notes).toEqual([expect.stringMatching(/sent from its beginning.*422/)]);
  });

  it.each(["part", "whole"])("ends the push where it always comes so, without a commit: a short %s", async (step) => {
    const [id, out] = [name(), place.folder(FILES)];
    hub.faults.push({ ...STEPS[step], shortenRequest: 7, times: 100 });
    await expect(place.push(out, id)).rejects.toMatchObject({ code: "NETWORK" });
    expect(Object.keys(hub.contents(id))).toEqual([".gitattributes"]);
    hub.clear();
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, FILES));
  });
});

describe("a hub that lies", () => {
  const lies: [string, string, Does][] = [
    ["that it has a file which it has not", "batch", { reword: [/"actions":\{.*?\}\}\}?(?=\}[\],])/, '"none":0'] }],
    ["about the number of parts", "batch", { reword: [/"00002":"[^"]*",/, ""] }],
    ["about the address of a part", "batch", { reword: [/"00002":"http/, '"00002":"file'] }],
    ["in a batch without the file", "batch", { answer: { status: 200, body: '{"objects":[]}' } }],
    ["in a batch that is no JSON", "batch", { answer: { status: 200, body: "<html>" } }],
    ["about how a file is to be sent", "preupload", { reword: [/"uploadMode":"lfs"/, '"uploadMode":"magic"'] }],
    ["about the commit's name", "commit", { reword: [/"commitOid":"[^"]*"/, '"commitOid":"main"'] }],
    ["about the repository's commit", "look", { reword: [/"sha":"[^"]*"/, '"sha":"../../x"'] }],
  ];
  it.each(lies)("%s is found out", async (_, step, does) => {
    const [id, out] = [name(), place.folder()];
    hub.put(id, { "notes.txt": "mine" });
    hub.faults.push({ ...STEPS[step], ...does });
    const error = await place.push(out, id).catch((reason) => reason);
    expect(error).toMatchObject({ name: "RetemperError", code: "NETWORK" });
    // The commit whose name was a lie is whole; all others are not there at all.
    const files = Object.keys(onHub(hub, id)).length;
    expect(files).toBe(step === "commit" ? 1 + Object.keys(MODEL).length : 1);
  });
});

describe("the token", () => {
  const tokens = (host: string) =>
    new Set(hub.seen.filter((one) => one.host === host).map(({ authorization }) => authorization));

  it("goes to the hub and never to the storage", async () => {
    await place.push(place.folder(FILES), name());
    expect(tokens("storage")).toEqual(new Set([undefined]));
    expect([...tokens("hub")].filter((one) => one !== undefined)).toEqual([`Bearer ${WRITER}`]);
  });

  it.each(Object.keys(STEPS).filter((step) => step !== "part" && step !== "whole" && step !== "complete"))(
    "stays where the hub leads elsewhere at the step %s: nothing is sent there",
    async (step) => {
      const [id, out] = [name(), place.folder(FILES)];
      hub.faults.push({ ...STEPS[step], redirect: `${hub.elsewhere}/api/x`, times: 100 });
      const error = await place.push(out, id).catch((reason) => reason);
      expect(error).toMatchObject({ code: "NETWORK", message: expect.stringMatching(/not followed/) });
      expect(hub.seen.filter(({ host }) => host === "elsewhere")).toEqual([]);
    },
  );

  it.each([
    ["parts", /"0000\d":"http:\/\/127\.0\.0\.1:\d+/g, '"00001":"'],
    ["the end of the upload", /"href":"http:\/\/[^"/]*(?=\/api\/complete)/, '"href":"'],
    ["the check of what came", /"href":"http:\/\/[^"/]*(?=\/[^"]*verify")/g, '"href":"'],
  ])("is not sent to another host that the hub names for %s", async (_, pattern, start) => {
    const [id, out] = [name(), place.folder()];
    const named = start.startsWith('"0') ? (text: string) => text.replace(/http:.*/, hub.elsewhere) : undefined;
    // The address of the other host stands in the place of the one that the hub means.
    hub.faults.push({
      ...STEPS.batch,
      times: 100,
      reword: [pattern, (named ? (named as unknown as string) : `${start}${hub.elsewhere}`) as string],
    });
    await place.push(out, id).catch(() => {});
    expect(hub.seen.some(({ host }) => host === "elsewhere")).toBe(true);
    expect(tokens("elsewhere")).toEqual(new Set([undefined]));
  });

  it("is not sent to the hub either, where the storage leads there: it could do things in the user's name", async () => {
    hub.faults.push({ ...STEPS.part, redirect: `${hub.endpoint}/api/repos/create`, times: 100 });
    await expect(place.push(place.folder(), name())).rejects.toMatchObject({ code: "NETWORK" });
    const led = hub.seen.filter(({ host, method }) => host === "hub" && method === "PUT");
    expect(led.length).toBeGreaterThan(0);
    expect(new Set(led.map(({ authorization }) => authorization))).toEqual(new Set([undefined]));
  });

  it("is in no message, no note and no file, also where the hub repeats it", async () => {
    // Bytes that no other test has brought to the storage.
    const unseen = (at: number) => ({ ...FILES, "model.safetensors": weights(40_000, 100 + at) });
    const repeated = `Bearer ${WRITER} may not`;
    const reply = { status: 403, headers: { "x-error-message": repeated }, body: JSON.stringify({ error: repeated }) };
    for (const [at, step] of casesOf(Object.keys(STEPS), ["make", "part", "verify", "commit"]).entries()) {
      hub.clear();
      hub.faults.push({ ...STEPS[step], answer: reply, times: 100 });
      const error = await place.push(place.folder(unseen(at)), name()).catch((reason) => reason);
      expect(error, step).toMatchObject({ code: "NETWORK" });
      expect(`${error.message}${error.hint}${error.stack}${JSON.stringify(error)}`).not.toContain(WRITER);
    }
    const files = readdirSync(place.uploads).map((file) => readFileSync(join(place.uploads, file), "utf8"));
    expect(`${place.notes}${files}`).not.toContain(WRITER);
  });
});

describe("a push that ended early", () => {
  /** Fails at the third part and at all that follow it. */
  const stopAtThirdPart = () => hub.faults.push({ ...STEPS.part, after: 2, times: 100, answer: 503 });
  const onePart = { ...MODEL, "model.safetensors": weights(100_000) }; // ten parts

  it("is gone on with: parts that are there are not sent again", async () => {
    const own = pushPlace(hub, true);
    const [id, out] = [name(), own.folder(onePart)];
    stopAtThirdPart();
    await expect(own.push(out, id)).rejects.toMatchObject({ code: "NETWORK", reason: "unreachable" });
    expect(Object.keys(hub.contents(id))).toEqual([".gitattributes"]);
    hub.clear();
    const report = await own.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, onePart));
    expect(puts()).toHaveLength(11 - 2);
    const size = statSync(join(out, "model.safetensors")).size;
    expect(report.sentBytes).toBe(size - 80_000);
    expect(readdirSync(own.uploads).filter((file) => file.endsWith(".jsonl"))).toEqual([]);
  });

  it("leaves nothing where the storage has the file by another way", async () => {
    const own = pushPlace(hub, true);
    const [id, out] = [name(), own.folder(onePart)];
    stopAtThirdPart();
    await expect(own.push(out, id)).rejects.toMatchObject({ code: "NETWORK" });
    hub.clear();
    const left = () => readdirSync(own.uploads).filter((file) => file.endsWith(".jsonl"));
    expect(left()).toHaveLength(1);
    await place.push(out, id); // from another machine
    await own.push(out, id, { into: "copy" });
    expect(left()).toEqual([]);
  });

  it("weeks ago is forgotten, and one that is younger is not", async () => {
    const own = pushPlace(hub, true);
    const out = own.folder(onePart);
    const ids = [name(), name()] as const;
    const kept: string[][] = [];
    for (const id of ids) {
      stopAtThirdPart();
      await expect(own.push(out, id)).rejects.toMatchObject({ code: "NETWORK" });
      hub.clear();
      kept.push(readdirSync(own.uploads));
    }
    const before = kept[0] as string[];
    expect(before.map((file) => file.replace(/^\w{40}/, "")).sort()).toEqual([".jsonl", ".lock"]);
    writeFileSync(join(own.uploads, "notes.txt"), "somebody's");
    for (const file of [...before, "notes.txt"]) utimesSync(join(own.uploads, file), 1e9, 1e9);
    await own.push(own.folder(), name());
    const now = readdirSync(own.uploads);
    for (const file of before) expect(now).not.toContain(file);
    for (const file of kept[1] as string[]) if (!before.includes(file)) expect(now).toContain(file);
    expect(now).toContain("notes.txt");
  });

  it("begins anew where the addresses of its parts have ended", async () => {
    const [id, out] = [name(), place.folder(onePart)];
    stopAtThirdPart();
    await expect(place.push(out, id)).rejects.toMatchObject({ code: "NETWORK" });
    hub.clear();
    hub.expireUploads();
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, onePart));
    expect(place.notes.at(-1)).toMatch(/sent from its beginning/);
  });

  it("keeps the addresses to the user alone, and counts the parts that are there as done", async () => {
    const own = pushPlace(hub, true);
    const [id, out] = [name(), own.folder(onePart)];
    stopAtThirdPart();
    await expect(own.push(out, id)).rejects.toMatchObject({ code: "NETWORK" });
    const [left = ""] = readdirSync(own.uploads).filter((file) => file.endsWith(".jsonl"));
    expect(statSync(join(own.uploads, left)).mode & 0o777).toBe(0o600);
    // A kill in the middle of a line: what is cut off counts as not sent.
    writeFileSync(join(own.uploads, left), `${readFileSync(join(own.uploads, left), "utf8")}{"part":9,"et`);
    hub.clear();
    const seen: number[] = [];
    await own.push(out, id, { onProgress: ({ phase, done }) => void (phase === "send" && seen.push(done)) });
    expect(seen.find((done) => done > 0)).toBe(80_000);
    expect(seen.at(-1)).toBe(statSync(join(out, "model.safetensors")).size);
    expect(onHub(hub, id)).toEqual(asPushed(out, onePart));
  });

  it("by its signal says its reason, and leaves nothing half", async () => {
    const [id, out] = [name(), place.folder(onePart)];
    const stop = new AbortController();
    const onProgress = ({ done }: { done: number }) => void (done > 60_000 && stop.abort(new Error("Ctrl-C")));
    await expect(place.push(out, id, { signal: stop.signal, onProgress })).rejects.toThrow("Ctrl-C");
    expect(commits(id) ?? 1).toBe(1);
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(asPushed(out, onePart));
  });

  it("because a file changed has committed nothing", async () => {
    const [id, out] = [name(), place.folder()];
    const change = () => writeFileSync(join(out, "config.json"), '{"model_type":"other"}');
    const onProgress = ({ phase }: { phase: string }) => void (phase === "send" && change());
    await expect(place.push(out, id, { onProgress })).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: join(out, "config.json"),
    });
    expect(commits(id)).toBe(1);
  });
});

describe("two pushes to one repository", () => {
  it("come one after the other, and the second sends nothing again", async () => {
    const [id, out] = [name(), place.folder()];
    hub.faults.push({ ...STEPS.complete, hold: 0 });
    const one = place.push(out, id);
    await expect.poll(() => hub.seen.some(({ url }) => url.includes("complete_multipart"))).toBe(true);
    const two = place.push(out, id);
    await expect.poll(() => place.notes.some((note) => note.includes("another run pushes to"))).toBe(true);
    const sent = puts().length;
    hub.release();
    const reports = await Promise.all([one, two]);
    expect(reports[0]?.commit).toBe(reports[1]?.commit);
    expect(puts()).toHaveLength(sent);
  });
});
