// Data that the cache does not have, and a hub that cannot be asked: the message says which of the reasons holds.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { downloadFile } from "../../../lib/hub/download.js";
import { listFiles } from "../../../lib/hub/listing.js";
import { type HubOptions, hubSettings } from "../../../lib/hub/settings.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-unreachable-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An address at which nothing listens any more. */
let nobody = "";
beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  nobody = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
});

const asked = async (options: HubOptions) => {
  const settings = await hubSettings({ env: { HF_HOME: folder }, retryDelayMs: 0, ...options });
  const file = { dataset: "org/name", revision: "main", path: "rows.jsonl" };
  return [downloadFile(file, settings), listFiles("org/name", "main", settings)].map((work) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
};

describe("what is neither in the cache nor can be had", () => {
  it("for want of a network is not blamed on a setting", async () => {
    for (const failure of await asked({ endpoint: nobody })) {
      expect(await failure).toMatchObject({
        code: "NETWORK",
        reason: "unreachable",
        message: expect.stringMatching(/ECONNREFUSED.* The cache .* does not hold it either/),
        hint: expect.not.stringContaining("HF_HUB_OFFLINE"),
      });
    }
  });

  it("for a snapshot that is gone, without a network, is not blamed on a setting either", async () => {
    const refs = join(folder, "hub/datasets--org--name/refs");
    mkdirSync(refs, { recursive: true });
    writeFileSync(join(refs, "main"), "a".repeat(40));
    const [, listing] = await asked({ endpoint: nobody });
    const failure = await listing;
    rmSync(refs, { recursive: true });
    expect(failure).toMatchObject({
      message: expect.stringMatching(/is not in the cache .*, and 127\.0\.0\.1:\d+ cannot be reached\.$/),
      hint: expect.not.stringContaining("HF_HUB_OFFLINE"),
    });
  });

  it("for a variable or an option names it, and how it is undone", async () => {
    for (const failure of await asked({ env: { HF_HOME: folder, HF_HUB_OFFLINE: "1" } })) {
      expect(await failure).toMatchObject({
        message: expect.stringContaining("and HF_HUB_OFFLINE=1 is set"),
        hint: expect.stringContaining("unset HF_HUB_OFFLINE once"),
      });
    }
    for (const failure of await asked({ offline: true })) {
      expect(await failure).toMatchObject({
        message: expect.stringContaining("and the option offline is set"),
        hint: expect.not.stringContaining("HF_HUB_OFFLINE"),
      });
    }
  });
});
