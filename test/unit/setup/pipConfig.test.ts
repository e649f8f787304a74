// Which indexes are asked on a machine without pip: those that pip's settings name.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { packageIndexes } from "../../../lib/setup/pipConfig.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-pip-"));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(text: string): string {
  const path = join(folder, `${count++}.conf`);
  writeFileSync(path, text);
  return path;
}

describe("the package indexes", () => {
  it("are the public one where nothing is configured", () => {
    expect(packageIndexes({ env: {}, files: [] })).toEqual(["https://pypi.org/simple"]);
    expect(packageIndexes({ env: {}, files: [join(folder, "absent")] })).toEqual(["https://pypi.org/simple"]);
  });

  it("come from configuration files, the later ones stronger, [download] stronger than [global]", () => {
    const system = file("[global]\nindex-url = https://system.example/simple/\ntimeout = 60\n");
    const user = file("# mine\n[global]\nindex_url: https://user.example/simple\n");
    const section = file(
      "[download]\nindex-url = https://download.example/simple\n[global]\nindex-url = https://no.example\n",
    );
    expect(packageIndexes({ env: {}, files: [system] })).toEqual(["https://system.example/simple"]);
    expect(packageIndexes({ env: {}, files: [system, user] })).toEqual(["https://user.example/simple"]);
    expect(packageIndexes({ env: {}, files: [section, user] })).toEqual(["https://download.example/simple"]);
  });

  it("come from the environment first, with extra ones after the first", () => {
    const files = [
      file(
        "[global]\nindex-url = https://file.example/simple\nextra-index-url =\n    https://a.example/s\n    https://b.example/s/\n",
      ),
    ];
    expect(packageIndexes({ env: {}, files })).toEqual([
      "https://file.example/simple",
      "https://a.example/s",
      "https://b.example/s",
    ]);
    const env = {
      PIP_INDEX_URL: "http://env.example/simple/",
      PIP_EXTRA_INDEX_URL: "https://c.example https://d.example",
    };
    expect(packageIndexes({ env, files })).toEqual([
      "http://env.example/simple",
      "https://c.example",
      "https://d.example",
    ]);
  });

  it("leave out folders, which only pip reads, and sections of other commands", () => {
    const files = [
      file("[install]\nindex-url = https://install.example\n[global]\nextra-index-url = file:///srv/wheels\n"),
    ];
    expect(packageIndexes({ env: {}, files })).toEqual(["https://pypi.org/simple"]);
  });
});
