// An experiment whose answers come from a server: scaled adapters are written, each is asked by its name, and the numbers
// are those of merges that run in process. The server is one of ours for each name, behind one address.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { serve } from "../../../lib/serve/serve.js";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const folder = mkdtempSync(join(tmpdir(), "retemper-served-"));
const closing: (() => Promise<unknown> | unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const base = {
  aligned: `${demo}/model`,
  tuned: [{ seed: 42, adapter: `${demo}/adapters/seed-42` }],
  methods: ["linear"],
  lambda: [0.4, 0.6],
  safety: { sets: [`safety:${demo}/unsafe.jsonl`], judges: [{ keyword: ["can't help"] }] },
  task: { validation: [`exact:${demo}/task_valid.jsonl`], test: [`exact:${demo}/task_test.jsonl`] },
  limit: 10,
  decoding: { maxNewTokens: 20 },
  select: { rule: "score" },
} satisfies Experiment;

/** Every model by its name at one address, as a server with adapters has it. */
async function start(models: ReadonlyMap<string, string>): Promise<Server> {
  const ports = new Map<string, number>();
  for (const [name, source] of models) {
    const model = await openModel(source);
    const server = await serve(model, { port: 0, name });
    closing.push(
      () => model.close(),
      () => server.close(),
    );
    ports.set(name, Number(new URL(server.url).port));
  }
  const front = createServer((from, to) => {
    if (from.url === "/v1/models") return to.end(JSON.stringify({ data: [...ports.keys()].map((id) => ({ id })) }));
    const parts: Buffer[] = [];
    from.on("data", (part: Buffer) => parts.push(part));
    return from.on("end", () => {
      const body = Buffer.concat(parts);
      const { model } = JSON.parse(body.toString()) as { model: string };
      if (refused !== undefined && body.includes(refused)) {
        to.writeHead(400, { "content-type": "application/json" });
        return to.end(JSON.stringify({ error: { message: "not this one" } }));
      }
      const headers = { ...from.headers, host: "127.0.0.1" };
      const onward = request({ port: ports.get(model), path: from.url, method: from.method, headers }, (reply) => {
        to.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(to);
      });
      onward.end(body);
    });
  });
  await new Promise<void>((done) => front.listen(0, "127.0.0.1", done));
  closing.push(() => front.close());
  return front;
}

/** A text whose prompt the server refuses. */
let refused: string | undefined;

it.runIf(long)(
  "writes scaled adapters, says how to serve them, and asks each by its name",
  { timeout: 120_000 },
  async () => {
    const out = join(folder, "out");
    const nobody = { ...base, engine: { endpoint: { url: "http://127.0.0.1:9", model: "toy" } } };
    const notes: string[] = [];
    const error = (await run(nobody, out, { onNote: (text) => notes.push(text) }).catch((one: Error) => one)) as Error;
    expect(error).toMatchObject({ code: "NETWORK", hint: expect.stringContaining("vllm serve") });
    const script = readFileSync(join(out, "serve.sh"), "utf8");
    const names = ["seed-42", "seed-42-lambda-0.4", "seed-42-lambda-0.6"];
    const modules = new Map(
      [...script.matchAll(/(seed-[\w.-]+)=(\S+)/g)].map(([, name, path]) => [name ?? "", path ?? ""]),
    );
    expect([...modules.keys()]).toEqual(names);
    expect([...modules.values()].every((path) => existsSync(join(path, "adapter_model.safetensors")))).toBe(true);
    expect(script).toContain("--served-model-name toy --port 9 --enable-lora");
    expect(notes[0]).toContain("--max-loras 3 --max-lora-rank 8");

    const models = new Map([...modules].map(([name, path]) => [name, `${base.aligned}+${path}`]));
    const front = await start(new Map([["toy", base.aligned], ...models]));
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const served = await run({ ...base, engine: { endpoint: { url, model: "toy" } } }, out);
    const local = await run(base, join(folder, "local"));
    // the same answers but for the last digits of sums
    const numbers = (results: typeof served) =>
      [results.validation.aligned, results.validation.tuned, ...results.validation.candidates].flatMap((one) => [
        one.score.value,
        one.asr.value,
      ]);
    for (const [at, value] of numbers(served).entries())
      expect(Math.abs(value - (numbers(local)[at] ?? 9))).toBeLessThan(0.11);
    expect(served.test.chosen).toHaveLength(1);
    expect(served.notes.join(" ")).toContain("not the written files");
    expect(existsSync(join(out, served.outputs[0]?.path ?? "", "model.safetensors"))).toBe(true);

    // what got no answer is asked again by the next run, and nothing else
    if (long) {
      const unsafe = readFileSync(join(demo, "unsafe.jsonl"), "utf8").split("\n", 1)[0] as string;
      refused = (JSON.parse(unsafe) as { prompt: string }).prompt;
      const flawed = join(folder, "flawed");
      const experiment = { ...base, engine: { endpoint: { url, model: "toy" } } };
      const missing = await run(experiment, flawed);
      expect(missing.validation.aligned.asr.seeds?.[0]?.missing ?? missing.test.aligned.asr.seeds?.[0]?.missing).toBe(
        1,
      );
      refused = undefined;
      const asked: string[] = [];
      const mended = await run(experiment, flawed, { onStep: (step) => asked.push(step) });
      expect(mended.validation).toEqual(served.validation);
      const ofAligned = asked.filter((step) => /^(verdicts )?aligned, /.test(step));
      expect(ofAligned).toHaveLength(4); // answers and verdicts, in both tables, which have the same requests here
    }

    // nothing is done again, but a scaled adapter that is another by now
    const steps: string[] = [];
    const again = () =>
      run({ ...base, engine: { endpoint: { url, model: "toy" } } }, out, { onStep: (step) => steps.push(step) });
    await again();
    expect(steps).toEqual([]);
    const adapter = join(modules.get("seed-42-lambda-0.4") as string, "adapter_model.safetensors");
    const bytes = readFileSync(adapter);
    writeFileSync(
      adapter,
      readFileSync(join(modules.get("seed-42-lambda-0.6") as string, "adapter_model.safetensors")),
    );
    await again();
    expect(steps).toEqual(["scaled adapters seed 42"]);
    expect(readFileSync(adapter).equals(bytes)).toBe(true);
  },
);

it("says what a server cannot do before anything is written", async () => {
  const engine = { endpoint: { url: "http://127.0.0.1:9" } };
  const whole = {
    ...base,
    tuned: [{ seed: 1, model: `${demo}/model` }],
    methods: ["linear", "slerp"],
    engine,
  } as Experiment;
  const error = (await run(whole, join(folder, "none")).catch((one: Error) => one)) as Error;
  expect(error.message).toMatch(/scaled adapters, not slerp/);
  expect(error.message).toMatch(/whole ones: give adapter/);
  expect(existsSync(join(folder, "none"))).toBe(false);
});
