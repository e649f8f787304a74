// Downloads with the real pip, from an index on this machine; skipped where there is no pip.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { pipDownload } from "../../../lib/setup/pipDownload.js";
import { wheelFile } from "../../../lib/setup/wheels.js";
import { makeWheel } from "./makeWheel.js";

const hasPip = spawnSync("python3", ["-m", "pip", "--version"]).status === 0;

const info = "retemper_test_pkg-1.0.dist-info";
const { wheel, bytes } = makeWheel("retemper-test-pkg", [
  { name: "data", data: Uint8Array.from({ length: 200_000 }, (_, i) => i % 251), stored: true },
  { name: `${info}/METADATA`, data: "Metadata-Version: 2.1\nName: retemper-test-pkg\nVersion: 1.0\n" },
  { name: `${info}/WHEEL`, data: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n" },
  { name: `${info}/RECORD`, data: "" },
]);
const name = wheelFile(wheel);

let server: Server;
let folder: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === `/simple/${wheel.project}/`) {
      response.setHeader("content-type", "text/html").end(`<a href="../../${name}">${name}</a>`);
    } else if (request.url === `/${name}`) {
      response.setHeader("content-type", "application/octet-stream").end(bytes);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-pip-"));
  vi.stubEnv("PIP_CONFIG_FILE", "/dev/null");
  vi.stubEnv("PIP_FIND_LINKS", "");
  vi.stubEnv("PIP_INDEX_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe.skipIf(!hasPip)("pip", () => {
  it("brings the wheel from the index that it is configured for, and clears what a killed run left", async () => {
    mkdirSync(join(folder, "pip-unpack-left"));
    expect(await pipDownload(wheel, folder, {})).toBeUndefined();
    expect(readdirSync(folder)).toEqual([name]);
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  });

  it("says why it cannot", async () => {
    expect(await pipDownload({ ...wheel, version: "9.9" }, folder, {})).toMatch(/retemper-test-pkg==9\.9/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("without Python", () => {
  it("there is no pip to ask", async () => {
    vi.stubEnv("PATH", folder);
    expect(await pipDownload(wheel, folder, {})).toBe("there is no Python here");
  });
});
