// How a model's thread ends: by a crash, with its process, or not at all while somebody waits.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it, vi } from "vitest";
import { RetemperError } from "../../../../lib/errors.js";
import { openModel } from "../../../../lib/generate/openModel.js";
import { modelFolder, promptsOf } from "../../../golden/generate/modelFolders.js";
import { casesOf, long } from "../../../long.js";

/** The threads that were started, so that a test can end one as a crash would. */
const threads = vi.hoisted((): Worker[] => []);
vi.mock("node:worker_threads", async (original) => {
  const real = await original<typeof import("node:worker_threads")>();
  return {
    ...real,
    Worker: class extends real.Worker {
      constructor(...args: ConstructorParameters<typeof real.Worker>) {
        super(...args);
        threads.push(this);
      }
    },
  };
});

const engine = "native";
const folder = modelFolder("llama");
const prompts = promptsOf("llama");

async function failure(work: Promise<unknown>): Promise<RetemperError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RetemperError)) throw error;
  return error;
}

describe("a thread that dies", () => {
  it("rejects what is pending and what comes later, with a code and the caller's stack", async () => {
    const model = await openModel(folder, { engine });
    const answering = (async () => {
      for await (const _ of model.generate(prompts, { maxNewTokens: 90 }));
    })();
    const pending = [failure(answering), failure(model.logits(prompts))];
    await threads.at(-1)?.terminate();
    for (const error of await Promise.all(pending)) {
      expect(error).toMatchObject({ code: "INTERNAL", hint: "open the model again" });
      expect(error.message).toContain("the thread of the model ended");
      expect(error.stack).toContain("modelThread.test.ts");
    }
    expect((await failure(model.logprobs(prompts))).message).toContain("the thread of the model ended");
    await model.close();
    const again = await openModel(folder, { engine });
    expect((await again.logprobs(prompts)).length).toBe(5);
    await again.close();
  });

  it("while it opens rejects opening", async () => {
    const opening = failure(openModel(folder, { engine }));
    while (threads.at(-1)?.threadId === -1 || threads.length < 3)
      await new Promise((resolve) => setTimeout(resolve, 1));
    await threads.at(-1)?.terminate();
    expect((await opening).code).toBe("INTERNAL");
  });
});

/** Runs a program of the fixtures. */
function run(script: string, ...args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL(`../fixtures/${script}`, import.meta.url));
    const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output }));
  });
}

it.runIf(long)("10,000 steps, some of them cancelled, leave memory as it was", async () => {
  const { status, output } = await run("soak.mjs", folder);
  expect(status).toBe(0);
  const resident = output.trim().split("\n").map(Number);
  expect(resident).toHaveLength(10);
  // Garbage is collected now and then: 5 kB a step would show.
  expect((resident[9] as number) - (resident[1] as number)).toBeLessThan(48e6);
});

const ENDINGS: readonly [what: string, mode: string, wanted: object][] = [
  ["ends while a model is open and idle", "idle", { status: 0, output: "opened\n" }],
  ["ends while an iteration waits for nobody", "abandoned", { status: 0, output: "one answer\n" }],
  ["goes on while answers are awaited", "pending", { status: 0, output: "8 answers\n" }],
  ["ends at process.exit in the middle of an answer", "exit", { status: 7, output: "leaving\n" }],
  ["ends of an error that nobody catches", "uncaught", { status: 1, output: expect.stringContaining("nobody") }],
];

describe("a process", () => {
  it.each(casesOf(ENDINGS, ENDINGS.slice(1, 3)))("%s", async (_, mode, wanted) => {
    expect(await run("endWithModel.mjs", mode, folder)).toEqual(wanted);
  });
});

afterAll(() => {
  threads.length = 0;
});
