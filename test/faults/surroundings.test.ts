// Outputs in places that do not take them, for every command that writes: folders without the right to write, file systems that
// are read-only, names that are too long, and fewer open files than are needed. Commands have processes of their own where a
// user, a limit or a working directory is theirs; by default a few of them do, in the long form of the tests all.

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { casesOf } from "../long.js";
import { runHere } from "../unit/cli/inProcess.js";
import { type Scenario, scenarios } from "./commands.mjs";
import { main } from "./interrupt.mjs";

const NAMES = ["merge", "sweep", "batch", "tune", "data", "generate", "evaluate", "run", "report", "init"];
/** Those that take no longer than to be refused: they are tried at more limits. */
const QUICK = ["merge", "data", "generate", "init"];
/** With processes of their own. */
const STARTED = casesOf(NAMES, ["merge", "generate"]);
/** In this process. */
const HERE = casesOf(NAMES, ["merge", "sweep", "tune", "data", "generate", "init"]);
const isRoot = process.getuid?.() === 0;
const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-surroundings-")));
const all = new Map<string, Pick<Scenario, "args">>();

beforeAll(async () => {
  for (const scenario of scenarios(join(folder, "inputs"))) all.set(scenario.name, scenario);
  all.set("init", { args: (place) => ["init", join(place, "out.yml")] });
  all.set("report", { args: (place) => ["report", place] });
  if (!HERE.includes("report")) return;
  const { status, stderr } = await runHere(all.get("run")?.args(folder) ?? []); // what there is to report
  expect(status, stderr).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly signal?: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command; `before` are the words that start it in its surroundings. */
function start(before: readonly string[], args: readonly string[]): Promise<Ended> {
  const [program = "", ...words] = [...before, process.execPath, main, ...args];
  const child = spawn(program, words, {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, ...texts }));
  });
}

/** What every refusal here has. */
function expectClean({ status, signal = null, stderr }: Ended, place: string): void {
  expect({ status, signal }, stderr).toEqual({ status: 7, signal: null });
  expect(stderr).toMatch(/^hint: /m);
  expect(stderr).not.toContain("-v shows where it happened");
  expect(stderr).toContain(place);
}

/** A place as `name` has it before it starts. */
function placeFor(name: string, at: string): string {
  mkdirSync(at, { recursive: true });
  if (name === "report") cpSync(join(folder, "out/results.json"), join(at, "results.json"));
  return at;
}

/** The words that make an ordinary user of the superuser, who may write everywhere; undefined where there is no way. */
function ordinary(): readonly string[] | undefined {
  if (!isRoot) return [];
  const words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  try {
    execFileSync(
      words[0] as string,
      [...words.slice(1), process.execPath, "-e", `require("fs").readFileSync(${JSON.stringify(main)})`],
      {
        stdio: "ignore",
      },
    );
    execFileSync("chmod", ["-R", "a+rX", folder]);
    return words;
  } catch {
    return undefined;
  }
}

describe("a folder without the right to write", () => {
  it.for(STARTED)("%s is refused with 7 and what to do, and nothing is left", async (name, { skip }) => {
    const user = ordinary();
    if (user === undefined)
      return skip("the superuser may write everywhere, and setpriv cannot make another user here");
    const place = placeFor(name, join(folder, `forbidden-${name}`));
    const before = readdirSync(place);
    chmodSync(place, 0o555);
    const ended = await start(user, all.get(name)?.args(place) ?? []);
    expectClean(ended, place);
    expect(ended.stderr).toMatch(/^hint: .*permissions/m);
    expect(readdirSync(place)).toEqual(before);
  });
});

describe("a file system that is read-only", () => {
  it.for(HERE)("%s is refused with 7 and what to do", async (name, { skip }) => {
    const place = placeFor(name, join(folder, `read-only-${name}`));
    try {
      execFileSync("mount", ["--bind", place, place], { stdio: "ignore" });
    } catch {
      return skip("mounting needs more rights than this run has");
    }
    try {
      execFileSync("mount", ["-o", "remount,bind,ro", place], { stdio: "ignore" });
      const ended = await runHere(all.get(name)?.args(place) ?? []);
      expectClean(ended, place);
      expect(ended.stderr).toMatch(/^hint: .*read-only/m);
    } finally {
      execFileSync("umount", [place]);
    }
  });
});

describe("a name that is too long", () => {
  it.each(HERE.filter((name) => name !== "report"))(
    "%s is refused with 7 and what to do, and nothing is left",
    async (name) => {
      // Of one byte too many, and of as many as the file system takes, beside which no lock and no staging folder has a name.
      for (const length of QUICK.includes(name) ? [256, 255] : [256]) {
        const place = placeFor(name, join(folder, `long-${name}-${length}`));
        const args = (all.get(name)?.args(place) ?? []).map((word) => {
          if (!word.startsWith(`${place}/`)) return word;
          const ending = /\.(jsonl|yml)$/.exec(word)?.[0] ?? "";
          return join(place, "n".repeat(length - ending.length) + ending);
        });
        const ended = await runHere(args);
        if (ended.status === 0 && length === 255) {
          expect(readdirSync(place).every((entry) => !entry.startsWith("."))).toBe(true);
          continue; // it needs no longer name
        }
        expectClean(ended, place);
        expect(ended.stderr).toMatch(/^hint: .*shorter (name|path)/m);
        expect(readdirSync(place)).toEqual([]);
      }
    },
  );
});

describe("fewer open files than are needed", () => {
  it.each(STARTED)(
    "%s ends well, or with 7 and the limit's name, and the next run is as if it had not been",
    async (name) => {
      const scenario = all.get(name);
      for (const limit of QUICK.includes(name) ? [40, 100, 160] : [40]) {
        const place = placeFor(name, join(folder, `few-${name}-${limit}`));
        const args = scenario?.args(place) ?? [];
        const ended = await start(["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"], args);
        expect(ended.signal, ended.stderr).toBeNull();
        if (ended.status === 0) continue;
        expect(ended.status, `${limit}: ${ended.stderr}`).toBe(7);
        expect(ended.stderr, `${limit}`).toMatch(/^hint: .*ulimit -n/m);
      }
    },
  );
});

describe("a file in the place of a folder", () => {
  it.each(HERE.filter((name) => !["report", "init", "generate"].includes(name)))(
    "%s is refused, and the file stays",
    async (name) => {
      const place = placeFor(name, join(folder, `file-${name}`));
      writeFileSync(join(place, "out"), "mine");
      const { status, stderr } = await runHere(all.get(name)?.args(place) ?? []);
      expect([7, 12], stderr).toContain(status);
      expect(stderr).toMatch(/^hint: /m);
      expect(readdirSync(place)).toEqual(["out"]);
    },
  );
});
