// Loading TensorFlow: what is said where it is not set up, and that it lives in worker threads. The latter is skipped, and
// said so, where it is not set up.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SHARE_ENV, Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import {
  bindingFile,
  cacheRoot,
  variantFolder,
  variantSetUp,
} from "../../../../../lib/nn/engines/tensorflow/libraryFolders.js";
import { loadTensorflow } from "../../../../../lib/nn/engines/tensorflow/loadTensorflow.js";
import { findTfjsPackage } from "../../../../../lib/nn/engines/tensorflow/tfjsPackage.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-load-"));
afterAll(() => rmSync(folder, { recursive: true }));

const version = findTfjsPackage()?.version as string;

describe("TensorFlow that is not set up", () => {
  it("is an error whose hint names the command", () => {
    expect(() => loadTensorflow({ cache: join(folder, "empty") })).toThrow(
      expect.objectContaining({
        code: "DEVICE",
        message: expect.stringContaining(join(folder, "empty")),
        hint: expect.stringMatching(/retemper setup-tensorflow.*--cuda.*--engine native/),
      }),
    );
  });

  it("is an error that names the file where it is damaged", () => {
    const cache = join(folder, "damaged");
    const file = bindingFile(variantFolder(cache, "cpu"), version);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "no library");
    expect(() => loadTensorflow({ cache })).toThrow(
      expect.objectContaining({ code: "DEVICE", file, hint: expect.stringContaining("retemper setup-tensorflow") }),
    );
  });
});

const missing = variantSetUp(cacheRoot(), version) === undefined;

describe.skipIf(missing)(`TensorFlow${missing ? ": not set up" : ""}`, () => {
  const start = (steps: number) =>
    new Worker(new URL("tensorflowWorker.mjs", import.meta.url), { env: SHARE_ENV, workerData: { steps } });

  it("computes in several worker threads at once", async () => {
    const results = await Promise.all(
      [0, 1, 2].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = start(200);
            let result: unknown;
            worker.once("message", (message) => {
              result = message;
            });
            worker.once("error", reject);
            worker.once("exit", (code) => resolve({ code, result }));
          }),
      ),
    );
    const sum = 200 * 8 * 8 * 8; // of 200 products of matrices of ones
    for (const result of results) expect(result).toEqual({ code: 0, result: { sum, left: 0 } });
  });

  it("may be ended in the middle of its work, and loaded again", async () => {
    for (let round = 0; round < 3; round += 1) {
      const worker = start(Number.POSITIVE_INFINITY);
      await new Promise((resolve) => worker.once("message", resolve));
      expect(await worker.terminate()).toBe(1);
    }
  });
});
