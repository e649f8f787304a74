// Runs the example service as a process of its own, over HTTP: it answers while it merges, and stops when its client leaves.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeLargeModels } from "../../scripts/makeLargeModel.mjs";
import { demoAdapter, demoModel, jsonLines, root, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const outputs = join(folder, "outputs");
let service: ChildProcess;
let address = "";
let slow: object;

beforeAll(async () => {
  const shape = { layers: 4, hidden: 512, intermediate: 1024, kv: 128, vocab: 8000, seed: 1 };
  const models = makeLargeModels(join(folder, "models"), shape, 1).map((model) => ({ model }));
  // Still running whenever the test looks: its tolerance is never met.
  slow = { merge_method: "karcher", models, parameters: { max_iter: 100_000, tol: 0 } };

  service = spawn(process.execPath, [join(root, "examples/http-service/main.mjs"), outputs], {
    cwd: root,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  address = await new Promise<string>((resolve, reject) => {
    service.stdout?.setEncoding("utf8").once("data", (text: string) => resolve(text.trim()));
    service.once("exit", (status) => reject(new Error(`the service ended with ${status}`)));
  });
});

afterAll(async () => {
  if (service.exitCode !== null) return;
  const ended = new Promise((resolve) => service.once("exit", resolve));
  service.kill("SIGTERM");
  await ended;
});

function post(body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${address}/merges`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${address}${path}`)).json()) as T;
}

describe("the example service", () => {
  it("merges and streams progress and the result", async () => {
    const pair = [
      { model: demoModel, parameters: { weight: 0.5 } },
      { model: `${demoModel}+${demoAdapter}`, parameters: { weight: 0.5 } },
    ];
    const response = await post({ name: "first", recipe: { merge_method: "linear", models: pair } });
    expect(response.status).toBe(200);
    const lines = jsonLines(await response.text());
    expect(lines.some((line) => "progress" in line)).toBe(true);
    expect(lines.at(-1)).toMatchObject({ result: { out: join(outputs, "first") } });
    expect(existsSync(join(outputs, "first/model.safetensors"))).toBe(true);
  });

  it("tells what is wrong with a request by its status", async () => {
    const recipe = { merge_method: "linaer", models: [{ model: demoModel }] };
    const wrong = await post({ name: "wrong", recipe });
    expect(wrong.status).toBe(422);
    expect(await wrong.json()).toMatchObject({ error: { code: "BAD_RECIPE" } });
    expect((await post({ name: "../escape", recipe })).status).toBe(400);
  });

  it("answers while it merges, and stops and cleans up when the client hangs up", async () => {
    const client = new AbortController();
    const response = await post({ name: "slow", recipe: slow }, client.signal);
    const reader = response.body?.getReader();
    await reader?.read(); // it has begun

    for (let i = 0; i < 50; i++) {
      expect(await get<{ ok: boolean }>("/health")).toMatchObject({ ok: true });
    }
    // All of these were answered on the event loop of the process that is still merging.
    const [merge] = await get<{ name: string }[]>("/merges");
    expect(merge).toMatchObject({ name: "slow" });

    client.abort();
    await expect(reader?.read()).rejects.toThrow();
    while ((await get<object[]>("/merges")).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(readdirSync(outputs).filter((name) => name !== "first")).toEqual([]);
    const { delayMs } = await get<{ delayMs: { max: number; p99: number } }>("/health");
    console.log(`event loop delay: p99 ${delayMs.p99.toFixed(1)} ms, max ${delayMs.max.toFixed(1)} ms`);
  });
});
