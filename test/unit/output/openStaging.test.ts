// The staging folder of an output, whatever is written to it: absent or whole, one run at a time, nothing left.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { lockBeside } from "../../../lib/output/lockBeside.js";
import { openCollection } from "../../../lib/output/openCollection.js";
import { openStaging } from "../../../lib/output/openStaging.js";
import { makeTrainingData } from "../../../lib/tune/sets/trainingData.js";
import { tune } from "../../../lib/tune/tune.js";

const MODEL = new URL("../../golden/models/llama", import.meta.url).pathname;
const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-staging-")));
const out = join(folder, "out");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

const content = () => readFileSync(join(out, "file"), "utf8");
/** Stages a folder with one file. */
async function staged(text: string, options = {}) {
  const staging = await openStaging(out, options);
  writeFileSync(join(staging.folder, "file"), text);
  return staging;
}
/** Rows of code, enough for a data set of three. */
function source(): string {
  const path = join(folder, "rows.jsonl");
  const rows = Array.from({ length: 8 }, (_, i) => ({ lang: "python", problem: `Add ${i}`, solution: `x + ${i}` }));
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}
const data = (place: string, more = {}) =>
  makeTrainingData("magicoder", place, { source: source(), rows: 3, validation: 0, ...more });

describe("an output that is staged", () => {
  it("gets its name whole, and nothing is beside it", async () => {
    const staging = await staged("new");
    expect(existsSync(out)).toBe(false);
    await staging.publish();
    await staging.close();
    expect(content()).toBe("new");
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("leaves nothing where it is not published, the folders above it neither", async () => {
    const staging = await openStaging(join(folder, "a", "b", "out"));
    expect(existsSync(staging.folder)).toBe(true);
    await staging.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("replaces an old one on request only, and not one that came meanwhile", async () => {
    const first = await staged("old");
    mkdirSync(out);
    writeFileSync(join(out, "file"), "another's");
    await expect(first.publish()).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await first.close();
    await expect(openStaging(out)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    const second = await staged("new", { force: true });
    expect(content()).toBe("another's");
    await second.publish();
    await second.close();
    expect(content()).toBe("new");
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("asks its check once what a dead run moved aside is back, and lets the next run in where it throws", async () => {
    const aside = join(folder, ".out.retemper-0123456789ab-old");
    mkdirSync(aside);
    writeFileSync(join(aside, "file"), "old");
    const seen: string[] = [];
    const check = async () => {
      seen.push(content());
      throw new Error("no");
    };
    await expect(openStaging(out, { force: true, check })).rejects.toThrow("no");
    expect(seen).toEqual(["old"]);
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("does not get its name where its folder was removed and made again by what is written later", async () => {
    const staging = await openStaging(out);
    rmSync(staging.folder, { recursive: true });
    mkdirSync(staging.folder);
    writeFileSync(join(staging.folder, "later"), "");
    await expect(staging.publish()).rejects.toMatchObject({ code: "IO", file: staging.folder });
    await staging.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("may be in a collection, which is there while it holds one", async () => {
    const collection = await openCollection(out);
    const inner = await openStaging(join(out, "a"));
    await inner.publish();
    await inner.close();
    await collection.close();
    expect(readdirSync(out)).toEqual(["a"]);
    const empty = await openCollection(join(folder, "x", "y"));
    await empty.close();
    expect(readdirSync(folder)).toEqual(["out"]);
  });
});

describe("the lock of an output", () => {
  it("is the same for merges, tunings and data sets: the second is refused, whatever it is", async () => {
    const lock = await lockBeside(out);
    const rows = [{ inputIds: [1, 2, 3, 4], promptLength: 2 }];
    await expect(openStaging(out)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await expect(data(out)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await expect(tune(MODEL, rows, out, { engine: "native", threads: 1 })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
      message: expect.stringContaining("another run is writing"),
    });
    await lock.release();
    await data(out);
    expect(readdirSync(folder).sort()).toEqual(["out", "rows.jsonl"]);
  });
});

describe("a name that leaves no room for a suffix", () => {
  it("is an output's of any kind", async () => {
    const long = join(folder, "x".repeat(250));
    await data(long);
    await data(long, { force: true });
    expect(readdirSync(folder).sort()).toEqual(["rows.jsonl", "x".repeat(250)]);
    const rows = [{ inputIds: [1, 2, 3, 4], promptLength: 2 }];
    const tuned = join(folder, "y".repeat(250));
    await tune(MODEL, rows, tuned, { engine: "native", threads: 1, maxSteps: 1, validation: 0 });
    expect(readdirSync(tuned)).toContain("adapter_config.json");
  });
});
