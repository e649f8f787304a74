// Where an output may be written: nothing that is read, nothing of the user's, nothing that another program made.

import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { checkPlace, type OutputKind } from "../../../lib/output/checkPlace.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-place-")));
const [out, input] = [join(folder, "out"), join(folder, "input")];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(input, { recursive: true });
  writeFileSync(join(input, "weights"), "weights");
});

const ANY: OutputKind = { what: "thing", hint: "choose another" };
const MARKED: OutputKind = { ...ANY, isOne: (names) => names.includes("mark"), ignored: ["mark.partial"] };
const check = (place: string, kind = ANY, force = false) => checkPlace(place, [{ path: input }], kind, force);
const refused = (message: string) => ({ code: "OUTPUT_EXISTS", message: expect.stringContaining(message) });

/** A folder with these files. */
function folderOf(path: string, ...names: readonly string[]): void {
  mkdirSync(path);
  for (const name of names) writeFileSync(join(path, name), name);
}

describe("the place of an output", () => {
  it("may be absent, an empty folder, or one with nothing but what a killed run left", async () => {
    expect(await check(out)).toBe("absent");
    mkdirSync(out);
    expect(await check(out)).toBe("empty");
    writeFileSync(join(out, "mark.partial"), "");
    expect(await check(out, MARKED)).toBe("empty");
    await expect(check(out)).rejects.toMatchObject({ ...refused("exists already"), hint: "choose another" });
  });

  it("is replaced on request only where it is of the same kind", async () => {
    folderOf(out, "notes.txt");
    expect(await check(out, ANY, true)).toBe("exists");
    await expect(check(out, MARKED, true)).rejects.toMatchObject(refused("is no thing's and is never replaced"));
    writeFileSync(join(out, "mark"), "");
    await expect(check(out, MARKED)).rejects.toMatchObject(refused("exists already"));
    expect(await check(out, MARKED, true)).toBe("exists");
    await expect(check(join(out, "mark"), MARKED, true)).rejects.toMatchObject(refused("is no thing's"));
  });

  it("is never a folder that holds the user's own", async () => {
    for (const own of [homedir(), process.cwd(), dirname(process.cwd())]) {
      await expect(check(own, ANY, true)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    }
  });

  it("is apart from what is read, by whatever path, also with force", async () => {
    symlinkSync(input, join(folder, "link"));
    const cases = [
      [input, `is the input ${input}`],
      [join(input, "new"), `lies inside the input ${input}`],
      [join(folder, "link", "new", "deeper"), `lies inside the input ${input}`],
      [folder, `contains the input ${input}`],
    ] as const;
    for (const [place, message] of cases) {
      for (const force of [false, true]) {
        await expect(check(place, MARKED, force)).rejects.toMatchObject({
          ...refused(message),
          hint: expect.stringContaining("--force does not lift this"),
        });
      }
    }
    const cache = checkPlace(join(input, "new"), [{ path: input, what: "the hub cache" }], ANY);
    await expect(cache).rejects.toMatchObject(refused(`lies inside the hub cache ${input}`));
  });

  it("holds no file of an input, whether by a hard link or because the input is a link to it", async () => {
    folderOf(out, "mark");
    expect(await check(out, MARKED, true)).toBe("exists");
    linkSync(join(input, "weights"), join(out, "weights"));
    await expect(check(out, MARKED, true)).rejects.toMatchObject(refused("which is a file of an input"));
    rmSync(join(out, "weights"));
    symlinkSync(join(out, "mark"), join(input, "linked"));
    await expect(check(out, MARKED, true)).rejects.toMatchObject(refused(`holds ${join(out, "mark")}`));
  });

  it("is IO and not absent where the system does not say what is there", async () => {
    await expect(check(join(input, "weights", "out"))).rejects.toMatchObject({ code: "IO" });
    await expect(check(join(folder, "x".repeat(300)))).rejects.toMatchObject({ code: "IO" });
  });
});
