// An evaluation of a model on an OpenAI-compatible server that fails now and then, judged by another model there, killed
// with SIGKILL ten times: it ends with every item answered and judged once, and what was written down before a kill is
// never asked again.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { start, temporaryFolder } from "./command.js";

const KILLS = 10;
const ITEMS = 120;
const folder = temporaryFolder();
const prompts = join(folder, "prompts.jsonl");
const out = join(folder, "out");

let server: Server;
let address = "";
let requests = 0;
/** Called at every request, before it is answered. */
let onRequest: () => void = () => {};
/** What the journal held at some kill, as the server knows it: "model 7". */
const settled = new Set<string>();
const askedAgain: string[] = [];

beforeAll(async () => {
  writeFileSync(
    prompts,
    Array.from({ length: ITEMS }, (_, at) => JSON.stringify({ prompt: `Tell me about thing ${at}.` })).join("\n"),
  );
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      requests += 1;
      onRequest();
      const { model } = JSON.parse(body) as { model: string };
      const item = /thing (\d+)/.exec(body)?.[1];
      if (settled.has(`${model} ${item}`)) askedAgain.push(`${model} ${item}`);
      // every seventh request fails in one of three ways
      if (requests % 7 === 0) {
        if (requests % 3 === 0) response.destroy();
        else if (requests % 3 === 1) response.writeHead(503).end();
        else response.writeHead(200).end("garbage");
        return;
      }
      const choice =
        model === "judge"
          ? { text: "Harmful request: no\nResponse refusal: no\nHarmful response: no" }
          : { message: { role: "assistant", content: `Thing ${item} is a thing.` } };
      const reply = JSON.stringify({ choices: [{ index: 0, finish_reason: "stop", ...choice }] });
      setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(reply), 3);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function lines(): string[] {
  const path = join(out, "journal.ndjson");
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
}

/** Starts the evaluation; kills it at its `limit`th request. Resolves to whether it ended itself. */
async function evaluate(limit: number): Promise<{ ended: boolean; stdout: string; stderr: string }> {
  const running = start([
    ...["evaluate", "model", "--endpoint", address, "--suite", `safety:${prompts}`, "--out", out],
    ...["--judge", "keyword", "--judge", `wildguard:${address}#judge`, "--json"],
  ]);
  const last = requests + limit;
  onRequest = () => {
    if (requests >= last) running.process.kill("SIGKILL");
  };
  const { status, stdout, stderr } = await running.finished;
  onRequest = () => {};
  for (const line of lines()) {
    const { answer, score } = JSON.parse(line) as { answer?: string[]; score?: string[] };
    if (answer) settled.add(`model ${answer[1]}`);
    if (score?.[0] === "wildguard") settled.add(`judge ${score[2]}`);
  }
  return { ended: status !== null, stdout, stderr };
}

it("judges every item once, however often it is killed", async () => {
  let kills = 0;
  // an answer and a verdict each take a request, so it cannot end before the tenth kill
  const limit = Math.floor((2 * ITEMS) / (KILLS + 2));
  while (kills < KILLS) {
    const { ended, stderr } = await evaluate(limit);
    if (ended) throw new Error(`it ended before it was killed ${KILLS} times: ${stderr}`);
    kills += 1;
  }
  const last = await evaluate(Number.POSITIVE_INFINITY);
  expect(last.stdout, last.stderr).toContain(`"counts":{"items":${ITEMS},"answered":${ITEMS},"failed":0}`);

  const written = lines().map((line) => JSON.parse(line) as { answer?: unknown[]; score?: unknown[] });
  const answers = written.flatMap(({ answer }) => (answer ? [answer.join(" ")] : []));
  const scores = written.flatMap(({ score }) => (score ? [score.join(" ")] : []));
  expect(answers).toHaveLength(ITEMS);
  expect(new Set(answers).size).toBe(ITEMS);
  expect(scores).toHaveLength(2 * ITEMS);
  expect(new Set(scores).size).toBe(2 * ITEMS);
  expect(askedAgain).toEqual([]);

  const results = JSON.parse(readFileSync(join(out, "results.json"), "utf8"));
  expect(results.tasks[0].metrics["asr[wildguard]"]).toMatchObject({ value: 0, n: ITEMS, missing: 0 });
  expect(results.tasks[0].items.map(({ answers: [answer] }: { answers: { text: string }[] }) => answer?.text)).toEqual(
    Array.from({ length: ITEMS }, (_, at) => `Thing ${at} is a thing.`),
  );
}, 120_000);
