// The library's folder is absent or complete, whatever happens; the next run goes on where one was killed.

import { fork } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordedBytes } from "../../../lib/nn/engines/tensorflow/libraryFolders.js";
import { bringLibrary } from "../../../lib/setup/bringLibrary.js";
import type { WheelSource } from "../../../lib/setup/downloadWheel.js";
import { type SetupProgress, SetupReporter } from "../../../lib/setup/setupReporter.js";
import { makeWheel, putWheel } from "./makeWheel.js";

const FILES = { "lib/one": "first library", "lib/two": "second library", "lib/three": "third library" };
const made = Object.entries(FILES).map(([name, data], i) => makeWheel(`pkg-${i}`, [{ name, data }]));
const wheels = made.map(({ wheel }) => wheel);

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "retemper-library-"));
  folder = join(root, "tensorflow-1.0-cpu");
});
afterEach(() => rmSync(root, { recursive: true }));

/** Gives every wheel and notes which were asked for; `before` may fail. */
function source(asked: string[], before: (project: string) => void = () => {}): Record<string, WheelSource> {
  return {
    async test(wheel, into) {
      asked.push(wheel.project);
      before(wheel.project);
      putWheel(made.find((entry) => entry.wheel === wheel) as (typeof made)[number], into);
      return undefined;
    },
  };
}

function expectComplete(): void {
  for (const [name, data] of Object.entries(FILES)) expect(readFileSync(join(folder, name), "utf8")).toBe(data);
  expect(readdirSync(folder).sort()).toEqual(["contents.json", "lib"]);
  expect(recordedBytes(folder)).toBe(Object.values(FILES).join("").length);
  expect(readdirSync(root).filter((name) => name !== "downloads")).toEqual(["tensorflow-1.0-cpu"]);
  expect(readdirSync(join(root, "downloads"))).toEqual([]);
}

describe("the library's folder", () => {
  it("holds what all wheels give, and nothing is left beside it", async () => {
    const seen: SetupProgress[] = [];
    const reporter = new SetupReporter((progress) => seen.push(progress));
    await bringLibrary({ root, folder, wheels, reporter, sources: source([]) });
    expectComplete();
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(
      wheels.flatMap(({ project }) => [`download ${project}`, `unpack ${project}`]),
    );
    for (const { done, total } of seen) expect(done).toBeLessThanOrEqual(total);
  });

  it("is absent after a failure, and the next run asks only for what is missing", async () => {
    const reporter = new SetupReporter(undefined);
    const asked: string[] = [];
    const fail = (project: string) => {
      if (project === "pkg-1") throw new Error("the cable was pulled");
    };
    const first = bringLibrary({ root, folder, wheels, reporter, sources: source(asked, fail) });
    await expect(first).rejects.toThrow("the cable was pulled");
    expect(existsSync(folder)).toBe(false);
    expect(asked).toEqual(["pkg-0", "pkg-1"]);
    asked.length = 0;
    await bringLibrary({ root, folder, wheels, reporter, sources: source(asked) });
    expect(asked).toEqual(["pkg-1", "pkg-2"]);
    expectComplete();
  });

  it("is absent after a kill in the middle of unpacking, and the next run makes it whole", async () => {
    const child = fork(fileURLToPath(new URL("stuckLibrary.mjs", import.meta.url)), [
      root,
      folder,
      JSON.stringify(wheels.map(({ takes, ...wheel }) => wheel)),
      JSON.stringify(made.map(({ bytes }) => bytes.toString("base64"))),
    ]);
    const stuck = await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error("the child ended before it was killed")));
    });
    expect(stuck).toBe("unpack pkg-1");
    const dead = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await dead;
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(`${folder}.partial`)).toBe(true);
    const asked: string[] = [];
    await bringLibrary({ root, folder, wheels, reporter: new SetupReporter(undefined), sources: source(asked) });
    expect(asked).toEqual(["pkg-2"]); // the second one's download was complete
    expectComplete();
  });

  it("is not begun where the disk is too small", async () => {
    const [wheel] = wheels;
    const huge = { ...(wheel as NonNullable<typeof wheel>), unpacked: 1e18 };
    const asked: string[] = [];
    const work = bringLibrary({
      root,
      folder,
      wheels: [huge],
      reporter: new SetupReporter(undefined),
      sources: source(asked),
    });
    await expect(work).rejects.toMatchObject({ code: "NO_SPACE", hint: expect.stringContaining("RETEMPER_CACHE") });
    expect(asked).toEqual([]);
  });

  it("is not made of a wheel that holds something else than its entry says", async () => {
    const wrong = wheels.map((wheel, i) => (i === 2 ? { ...wheel, unpacked: wheel.unpacked + 1 } : wheel));
    const sources: Record<string, WheelSource> = {
      async test(wheel, into) {
        putWheel(made[wrong.indexOf(wheel)] as (typeof made)[number], into);
        return undefined;
      },
    };
    const work = bringLibrary({ root, folder, wheels: wrong, reporter: new SetupReporter(undefined), sources });
    await expect(work).rejects.toMatchObject({ code: "BAD_INPUT" });
    expect(existsSync(folder)).toBe(false);
  });
});
