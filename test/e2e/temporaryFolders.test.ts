// Temporary folders of virtual merges: after a run, after a signal, and after a run that came later than a kill.

import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ownedFolder } from "../../lib/output/ownedFolder.js";
import { demoAdapter, demoModel, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const recipe = join(folder, "recipe.yml");
writeFileSync(recipe, `merge_method: linear\nmodels:\n- model: ${demoModel}\n- model: ${demoModel}+${demoAdapter}\n`);
const args = ["generate", recipe, "--lambda", "0.5", "--prompt", "Hello", "--max-new-tokens", "2", "--quiet"];
/** Not done at once. */
const long = [...args, "--ignore-eos", "--max-new-tokens", "64", "--n", "200", "--temperature", "1"];
let count = 0;

function newPlace(): string {
  const place = join(folder, `tmp-${count++}`);
  mkdirSync(place);
  return place;
}
/** Starts a run and does something at the moment when its folder is there. */
async function whenThere(place: string, then: NodeJS.Signals) {
  const before = new Set(readdirSync(place));
  const running = start(long, { TMPDIR: place });
  let ended = false;
  void running.finished.then(() => {
    ended = true;
  });
  const isThere = () => readdirSync(place).some((name) => !before.has(name) && /virtual-[0-9a-f]{12}$/.test(name));
  while (!ended && !isThere()) await turn();
  running.process.kill(then);
  return running.finished;
}

afterEach(() => vi.unstubAllEnvs());

describe.skipIf(process.platform !== "linux")("temporary folders", () => {
  it("are gone when the run has ended", async () => {
    const place = newPlace();
    expect((await run(args, { TMPDIR: place })).status).toBe(0);
    expect(readdirSync(place)).toEqual([]);
  });

  it("are gone after Ctrl-C", async () => {
    const place = newPlace();
    expect((await whenThere(place, "SIGINT")).status).toBe(130);
    expect(readdirSync(place)).toEqual([]);
  });

  it("of runs that were killed are removed by the next one, and those of living runs are not", async () => {
    const place = newPlace();
    vi.stubEnv("TMPDIR", place);
    const living = await ownedFolder("retemper-virtual-");
    writeFileSync(join(living.path, "config.json"), "{}");
    const kept = readdirSync(place);
    for (let kills = 0; kills < 2; kills++) expect((await whenThere(place, "SIGKILL")).signal).toBe("SIGKILL");
    const left = readdirSync(place).filter((name) => !kept.includes(name));
    expect(left.length).toBeGreaterThan(0);
    // the second run removed what the first had left, and left its own
    expect(left.filter((name) => !name.includes(".lock"))).toHaveLength(1);
    expect((await run(args, { TMPDIR: place })).status).toBe(0);
    expect(readdirSync(place)).toEqual(kept);
    expect(existsSync(join(living.path, "config.json"))).toBe(true);
    await living.remove();
    expect(readdirSync(place)).toEqual([]);
  });

  it("are never what only has a name like theirs, nor what a link leads to", async () => {
    const place = newPlace();
    vi.stubEnv("TMPDIR", place);
    const other = join(folder, "other");
    mkdirSync(other);
    writeFileSync(join(other, "mine"), "");
    mkdirSync(join(place, "retemper-virtual-mine"));
    symlinkSync(other, join(place, "retemper-virtual-0123456789ab"));
    await (await ownedFolder("retemper-virtual-")).remove();
    expect(readdirSync(place)).toEqual(["retemper-virtual-mine"]);
    expect(existsSync(join(other, "mine"))).toBe(true);
  });

  it("are missed by name where TMPDIR leads nowhere", async () => {
    vi.stubEnv("TMPDIR", join(folder, "nowhere"));
    await expect(ownedFolder("retemper-virtual-")).rejects.toMatchObject({
      code: "IO",
      file: join(folder, "nowhere"),
      hint: expect.stringContaining("TMPDIR"),
    });
  });
});
