import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { claimPath, makeClaim, removeClaim } from "../../../lib/experiment/sharing/claimFile.js";
import { HeartWatch } from "../../../lib/experiment/sharing/heartWatch.js";
import { inOrderOfShare } from "../../../lib/experiment/sharing/inOrderOfShare.js";
import { inTurn } from "../../../lib/experiment/sharing/inTurn.js";
import { joinWorkers } from "../../../lib/experiment/sharing/joinWorkers.js";
import { lockAlone } from "../../../lib/experiment/sharing/lockAlone.js";
import { isCertainlyGone, isHere, thisSharingProcess } from "../../../lib/experiment/sharing/processId.js";
import {
  newRecord,
  readRecord,
  recordPath,
  textOfRecord,
  type WorkerRecord,
} from "../../../lib/experiment/sharing/workerRecord.js";
import { soleWorker, type Workers } from "../../../lib/experiment/sharing/workers.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-sharing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let out: string;
let open: Workers[] = [];
beforeEach(() => {
  out = mkdtempSync(join(folder, "out-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of open) await one.close();
  open = [];
});

const rhythm = { beat: 10, deadAfter: 150 };
async function joined(index = 0, experiment = "one"): Promise<Workers> {
  const workers = await joinWorkers(out, { index, count: 4 }, { experiment, rhythm });
  open.push(workers);
  return workers;
}

/** What a worker of another machine leaves in the folder. */
function elsewhere(facts: Partial<WorkerRecord> = {}): { record: WorkerRecord; beat: (n: number) => void } {
  const record = { ...newRecord("one", "1/4"), host: "elsewhere", boot: "another", ...facts };
  mkdirSync(join(out, ".workers"), { recursive: true });
  mkdirSync(join(out, "steps"), { recursive: true });
  const beat = (n: number) => {
    const { head, tail } = textOfRecord(record, n);
    writeFileSync(recordPath(out, record.id), head + tail);
  };
  beat(0);
  return { record, beat };
}

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => "was not refused",
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RetemperError);
  expect((error as RetemperError).code).toBe("OUTPUT_EXISTS");
  return `${(error as RetemperError).message}; ${(error as RetemperError).hint}`;
};

describe("the order of a share", () => {
  const steps = Array.from({ length: 400 }, (_, i) => ({ key: `key ${i}` }));

  it("puts the own share first, each step in one share, and the others' after it", () => {
    const first = [0, 1, 2, 3].map((index) => {
      const order = inOrderOfShare(steps, { index, count: 4 });
      expect(new Set(order)).toEqual(new Set(steps));
      const next = inOrderOfShare(steps, { index: (index + 1) % 4, count: 4 });
      const own = order.indexOf(next[0] as { key: string });
      return order.slice(0, own); // until the next one's share begins
    });
    expect(new Set(first.flat()).size).toBe(400);
    expect(first.flat()).toHaveLength(400);
    for (const share of first) expect(share.length).toBeGreaterThan(60);
  });

  it("does not depend on what else there is to do, and keeps the order within a share", () => {
    const some = steps.filter((_, i) => i % 3 === 0);
    const order = inOrderOfShare(steps, { index: 2, count: 4 }).filter((step) => some.includes(step));
    expect(inOrderOfShare(some, { index: 2, count: 4 })).toEqual(order);
    expect(inOrderOfShare(steps, { index: 0, count: 1 })).toEqual(steps);
  });
});

describe("a worker that is alone", () => {
  it("gets every step, in the order given", async () => {
    const steps = [{ key: "b" }, { key: "a" }];
    expect(soleWorker.order(steps)).toEqual(steps);
    const claim = await soleWorker.claim("a");
    expect(claim?.lost.aborted).toBe(false);
    await claim?.release();
    await soleWorker.settled();
  });
});

describe("claims", () => {
  it("are had by one worker until it gives them back", async () => {
    const [a, b] = [await joined(0), await joined(1)];
    const claim = await a.claim("key");
    expect(await b.claim("key")).toBeUndefined();
    expect(await b.claim("other")).toBeDefined();
    const free = b.settled();
    await claim?.release();
    await free;
    expect(await b.claim("key")).toBeDefined();
    await claim?.release(); // a second time it is not its own
    expect(await a.claim("key")).toBeUndefined();
  });

  it("are given back by a worker that closes, which leaves nothing behind", async () => {
    const [a, b] = [await joined(0), await joined(1)];
    await a.claim("key");
    await a.close();
    expect(await b.claim("key")).toBeDefined();
    await b.close();
    expect(readdirSync(out)).toEqual(["steps"]);
    expect(readdirSync(join(out, "steps"))).toEqual([]);
  });

  it("of a machine whose heartbeat goes on are not taken, and are once it stays as it is", async () => {
    const { record, beat } = elsewhere();
    expect(await makeClaim(out, record.id, claimPath(out, "key"))).toBe(true);
    const mine = await joined();
    let beats = 0;
    const living = setInterval(() => beat(++beats), 5);
    for (let looks = 0; looks < 2 * (rhythm.deadAfter / rhythm.beat); looks++) {
      expect(await mine.claim("key")).toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, rhythm.beat));
    }
    clearInterval(living);
    while (!(await mine.claim("key"))) await mine.settled();
    expect((await readRecord(claimPath(out, "key")))?.record?.id).toBe(mine.id);
  });

  it("that are cut off, or whose worker left no record, are taken after the same time", async () => {
    mkdirSync(join(out, "steps"), { recursive: true });
    writeFileSync(claimPath(out, "empty"), "");
    const { record } = elsewhere();
    await makeClaim(out, record.id, claimPath(out, "left"));
    rmSync(recordPath(out, record.id));
    const mine = await joined();
    for (const key of ["empty", "left"]) {
      expect(await mine.claim(key)).toBeUndefined();
      while (!(await mine.claim(key))) await mine.settled();
    }
  });

  it("are put back where another one was moved away by mistake", async () => {
    const [a, b] = [await joined(0), await joined(1)];
    const path = claimPath(out, "key");
    await a.claim("key");
    const head = (await readRecord(path))?.head as string;
    expect(await removeClaim(out, path, head.replace(a.id, b.id))).toBe(false);
    expect(await b.claim("key")).toBeUndefined();
  });

  it("of many dead workers are each taken by one of many", async () => {
    const { record } = elsewhere({ host: hostname(), boot: thisSharingProcess().boot, pid: 2 ** 22 + 1 });
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    for (const key of keys) await makeClaim(out, record.id, claimPath(out, key));
    const all = await Promise.all([0, 1, 2, 3].map((index) => joined(index)));
    const claims = await Promise.all(keys.flatMap((key) => all.map((one) => one.claim(key))));
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(keys.length);
  });

  it("are lost for a worker whose claim another has, which is told so", async () => {
    const mine = await joined();
    const claim = await mine.claim("key");
    const lost = new Promise((resolve) => claim?.lost.addEventListener("abort", resolve));
    const path = claimPath(out, "key");
    const { record } = elsewhere();
    expect(await removeClaim(out, path, (await readRecord(path))?.head as string)).toBe(true);
    await makeClaim(out, record.id, path);
    await lost;
    await claim?.release();
    expect((await readRecord(path))?.record?.id).toBe(record.id); // not mine to give back
  });

  it("that were moved away for a moment are had again by their worker", async () => {
    const mine = await joined();
    const claim = await mine.claim("key");
    const lost = new Promise((resolve) => claim?.lost.addEventListener("abort", resolve));
    const path = claimPath(out, "key");
    const text = readFileSync(path);
    rmSync(path);
    await lost;
    writeFileSync(path, text);
    expect(await (await joined(1)).claim("key")).toBeUndefined();
    await (await mine.claim("key"))?.release();
    expect(existsSync(path)).toBe(false);
  });

  it("are made although somebody took this worker for dead and removed its record", async () => {
    const mine = await joined();
    rmSync(recordPath(out, mine.id));
    expect(await mine.claim("key")).toBeDefined();
    expect(existsSync(recordPath(out, mine.id))).toBe(true);
  });
});

describe("what belongs to the whole run", () => {
  it("is done by all, one after the other", async () => {
    const all = await Promise.all([0, 1, 2].map((index) => joined(index)));
    let [inside, most] = [0, 0];
    const did = await Promise.all(
      all.map((one, index) =>
        inTurn(one, "settings", async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside -= 1;
          return index;
        }),
      ),
    );
    expect([did, most]).toEqual([[0, 1, 2], 1]);
  });

  it("is given up with the signal's reason while another is at it", async () => {
    const [mine, other] = [await joined(0), await joined(1)];
    await other.claim("settings");
    const stop = new AbortController();
    const waiting = inTurn(mine, "settings", async () => 1, stop.signal);
    stop.abort("enough");
    await expect(waiting).rejects.toBe("enough");
  });
});

describe("a heartbeat", () => {
  it("is not missed by a process that was stopped itself meanwhile", async () => {
    const { record } = elsewhere();
    const found = (await readRecord(recordPath(out, record.id))) as NonNullable<Awaited<ReturnType<typeof readRecord>>>;
    let now = 1000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const watch = new HeartWatch(out, { beat: 10, deadAfter: 100 });
    expect(await watch.look(found)).toBe("quiet");
    now += 3_600_000;
    expect(await watch.look(found)).toBe("quiet");
    for (let looks = 1; looks < 9; looks++) {
      now += 10;
      expect(await watch.look(found)).toBe("quiet");
    }
    now += 10;
    expect(await watch.look(found)).toBe("gone");
  });

  it("is not asked for where the process itself can be looked for", () => {
    const own = thisSharingProcess();
    expect([isHere(own), isCertainlyGone(own)]).toEqual([true, false]);
    const gone = { ...own, pid: 2 ** 22 + 1 };
    expect([isHere(gone), isCertainlyGone(gone)]).toEqual([false, true]);
    const namesake = { ...gone, boot: "of another machine" }; // of the same name
    expect([isHere(namesake), isCertainlyGone(namesake)]).toEqual([false, false]);
  });
});

describe("a folder", () => {
  it("that a run has to itself is refused to all others at once, who are told how to share", async () => {
    const lock = await lockAlone(out);
    expect(await refusal(lockAlone(out))).toMatch(
      /another run is writing .* \(process \d+ on .*\).*to share the folder, start every run of it with --partition/s,
    );
    expect(await refusal(joined())).toMatch(
      /a run that shares with nobody is writing .* \(process \d+ on .*\).*to share the folder, start every run of it with --partition/s,
    );
    expect(readdirSync(out).filter((name) => name === ".workers")).toEqual([]); // nothing is left of the refused one
    lock.release();
    await joined();
  });

  it("that runs share is refused to one that does not, and to those of another experiment", async () => {
    const mine = await joined();
    await joined(1);
    expect(await refusal(lockAlone(out))).toMatch(
      new RegExp(`other runs share .* \\(process ${process.pid} on .*start this one with --partition too`, "s"),
    );
    expect(await refusal(joined(2, "another"))).toMatch(
      /runs of another experiment share .* \(process \d+ on .*the same experiment and the same options/s,
    );
    await joined(2);
    await mine.close();
    expect(await refusal(lockAlone(out))).toMatch(/other runs share/);
    for (const one of open.slice(1)) await one.close();
    (await lockAlone(out)).release();
  });

  it("is entered by many at once", async () => {
    await Promise.all(Array.from({ length: 24 }, (_, index) => joined(index % 4)));
    expect(readdirSync(join(out, ".workers"))).toHaveLength(24);
  });

  it("that dead workers left is had at once where they are known to be dead, with what they had", async () => {
    const { record } = elsewhere({ host: hostname(), boot: thisSharingProcess().boot, pid: 2 ** 22 + 1 });
    await makeClaim(out, record.id, claimPath(out, "key"));
    writeFileSync(join(out, "steps/key.json"), "{}");
    const waits: string[] = [];
    (await lockAlone(out, { onWait: (text) => waits.push(text) })).release();
    expect(waits).toEqual([]);
    expect(existsSync(join(out, ".workers"))).toBe(false);
    expect(readdirSync(join(out, "steps"))).toEqual(["key.json"]);
  });

  it("is left by the last worker without what killed ones of its machine left, but with what may be living ones'", async () => {
    const dead = elsewhere({ host: hostname(), boot: thisSharingProcess().boot, pid: 2 ** 22 + 1 });
    await makeClaim(out, dead.record.id, claimPath(out, "done")); // recorded, and then killed
    const mine = await joined();
    await mine.close();
    expect(readdirSync(out)).toEqual(["steps"]);
    expect(readdirSync(join(out, "steps"))).toEqual([]);
    const { record } = elsewhere();
    await makeClaim(out, record.id, claimPath(out, "key"));
    await (await joined()).close();
    expect(readdirSync(join(out, ".workers"))).toEqual([record.id]);
    expect(readdirSync(join(out, "steps"))).toEqual([".key.claim"]);
  });

  it("of another machine's worker is refused once that one's heart beats, and had if it does not", async () => {
    const { beat } = elsewhere();
    const waits: string[] = [];
    const onWait = (text: string) => waits.push(text);
    let beats = 0;
    const living = setInterval(() => beat(++beats), 5);
    expect(await refusal(lockAlone(out, { rhythm, onWait }))).toMatch(/other runs share .* on elsewhere/s);
    clearInterval(living);
    (await lockAlone(out, { rhythm, onWait })).release();
    expect(waits[0]).toMatch(/a process of another machine shared .*: waiting up to 1 s/);
    expect(existsSync(join(out, ".workers"))).toBe(false);
  });
});
