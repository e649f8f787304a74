// Reading archives: what is in them comes out, and damaged or hostile ones are refused.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { extractMember, zipMembers } from "../../../lib/setup/zip.js";
import { type Member, makeZip } from "./makeWheel.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-zip-"));
afterAll(() => rmSync(folder, { recursive: true }));

const big = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 7);
const MEMBERS: Member[] = [
  { name: "a/packed.bin", data: big },
  { name: "a/stored.txt", data: "stored as it is", stored: true },
  { name: "bin/tool", data: "#!", executable: true },
  { name: "empty", data: "" },
];

let count = 0;
function archiveOf(bytes: Uint8Array): string {
  const path = join(folder, `${count++}.zip`);
  writeFileSync(path, bytes);
  return path;
}

describe("an archive", () => {
  it.each([
    ["without a comment", ""],
    ["with a comment", "made for a test"],
  ])("%s gives every file back, byte for byte", async (_, comment) => {
    const archive = archiveOf(makeZip(MEMBERS, comment));
    const out = mkdtempSync(join(folder, "out-"));
    const members = await zipMembers(archive);
    expect(members.map(({ name, bytes }) => [name, bytes])).toEqual(
      MEMBERS.map(({ name, data }) => [name, Buffer.from(data).length]),
    );
    let written = 0;
    const onBytes = (bytes: number) => {
      written += bytes;
    };
    for (const member of members) await extractMember(archive, member, out, { onBytes });
    for (const { name, data } of MEMBERS) expect(readFileSync(join(out, name)).equals(Buffer.from(data))).toBe(true);
    expect(statSync(join(out, "bin/tool")).mode & 0o111).toBe(0o111);
    expect(statSync(join(out, "empty")).mode & 0o111).toBe(0);
    expect(written).toBe(members.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it("that is cut short anywhere is refused or gives its files, never other bytes", async () => {
    const whole = makeZip(MEMBERS.slice(1));
    for (let length = 0; length < whole.length; length += 1) {
      await expect(zipMembers(archiveOf(whole.subarray(0, length)))).rejects.toMatchObject({ code: "BAD_INPUT" });
    }
  });

  it.each(["../outside", "a/../../outside", "/etc/outside", "a\\..\\outside"])(
    "with a file named %s is refused",
    async (name) => {
      await expect(zipMembers(archiveOf(makeZip([{ name, data: "x" }])))).rejects.toMatchObject({ code: "BAD_INPUT" });
    },
  );

  it("with damaged data is refused while it is unpacked", async () => {
    const bytes = makeZip(MEMBERS.slice(0, 1));
    bytes.fill(0xff, 100, 200);
    const archive = archiveOf(bytes);
    const [member] = await zipMembers(archive);
    await expect(extractMember(archive, member as never, folder)).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it.each([
    ["longer", -1],
    ["shorter", 1],
  ])("whose file is %s than it says is refused", async (_, difference) => {
    const archive = archiveOf(makeZip(MEMBERS.slice(0, 1)));
    const [member] = await zipMembers(archive);
    const lying = { ...(member as NonNullable<typeof member>), bytes: big.length + difference };
    await expect(extractMember(archive, lying, folder)).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it("stops being unpacked when the signal is aborted, with its reason", async () => {
    const archive = archiveOf(makeZip(MEMBERS));
    const [member] = await zipMembers(archive);
    const controller = new AbortController();
    const onBytes = () => controller.abort(new Error("enough"));
    const work = extractMember(archive, member as never, folder, { signal: controller.signal, onBytes });
    await expect(work).rejects.toThrow("enough");
  });
});
