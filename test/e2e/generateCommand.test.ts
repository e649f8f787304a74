// `retemper generate` as users run it: prompts in, answers out, stopped and gone on with.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { expectedOf, modelFolder, promptsOf } from "../golden/generate/modelFolders.js";
import { long } from "../long.js";
import { faultyServer, json, shout, textOf } from "../unit/endpoint/faultyServer.js";
import { jsonLines, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const model = modelFolder("llama");
const prompts = promptsOf("llama");
const expected = expectedOf("llama");
const file = join(folder, "prompts.jsonl");
const engine = ["--engine", "native", "--ignore-eos"];

beforeAll(() => {
  writeFileSync(file, prompts.map((ids, i) => `${JSON.stringify({ ids, id: `p${i}`, topic: "any" })}\n`).join(""));
});

const byIndex = (lines: Record<string, unknown>[]) => [...lines].sort((a, b) => Number(a.index) - Number(b.index));

describe("retemper generate", () => {
  it("answers the prompts of a file as JSON lines on stdout, and says on stderr by what", async () => {
    const args = ["generate", model, "--prompts", file, "--max-new-tokens", "8", ...engine];
    const { status, stdout, stderr } = await run([...args, "--repetition-penalty", "1.2"]);
    expect(status).toBe(0);
    const answers = byIndex(jsonLines(stdout));
    expect(answers.map(({ id, sample }) => [id, sample])).toEqual(prompts.map((_, i) => [`p${i}`, 0]));
    expect(answers.map(({ ids }) => ids)).toEqual(expected.greedy_rep12.map((ids) => ids.slice(0, 8)));
    expect(stderr).toContain("answers by native (cpu: ");
  });

  it("takes texts from the command line and from stdin, plain or as conversations", async () => {
    const args = ["generate", model, "--max-new-tokens", "3", "--quiet", ...engine];
    const plain = await run([...args, "--prompt", "Hello there", "--prompt", "Good day"]);
    const piped = await run([...args, "--prompts", "-"], {}, { input: "Hello there\nGood day\n" });
    expect(byIndex(jsonLines(plain.stdout))).toEqual(byIndex(jsonLines(piped.stdout)));
    expect(plain.stderr).toBe("");
    const chat = await run([...args, "--prompt", "Hello there", "--chat", "--system", "Be brief."]);
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello there" },
    ];
    const input = `${JSON.stringify({ messages })}\n`;
    expect(chat.stdout).toBe((await run([...args, "--prompts", "-"], {}, { input })).stdout);
    expect(jsonLines(chat.stdout)[0]?.ids).not.toEqual(byIndex(jsonLines(plain.stdout))[0]?.ids);
  });

  it("gives samples, log-probabilities and stops that are asked for", async () => {
    const stop = expected.greedy[0]?.[2] as number;
    const args = ["generate", model, "--prompts", file, "--max-new-tokens", "6", "--n", "2", "--logprobs", ...engine];
    const { stdout } = await run([...args, "--stop-token", String(stop), "--batch", "3"]);
    const answers = jsonLines(stdout);
    expect(answers).toHaveLength(10);
    const first = answers.find(({ index, sample }) => index === 0 && sample === 1);
    expect(first).toMatchObject({ ids: expected.greedy[0]?.slice(0, 3), finish: "stop" });
    expect(first?.logprobs).toHaveLength(3);
  });

  it("with --json tells progress and answers as events, and ends with one result", async () => {
    const { status, stdout } = await run([
      ...["generate", model, "--prompts", file, "--max-new-tokens", "8", "--json"],
      ...engine,
    ]);
    expect(status).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines.filter(({ event }) => event === "answer")).toHaveLength(5);
    expect(lines.some(({ event, phase }) => event === "progress" && phase === "generate")).toBe(true);
    const result = { answers: 5, promptTokens: 69, newTokens: 40, engine: { engine: "native", gpu: false } };
    expect(lines.at(-1)).toMatchObject({ event: "result", ok: true, result });
  });

  it("writes a file, and asks nothing again that is there", async () => {
    const out = join(folder, "answers.jsonl");
    const args = ["generate", model, "--prompts", file, "--max-new-tokens", "8", "--out", out, ...engine];
    const first = await run(args);
    expect(first.stdout).toContain("answers.jsonl: 5 answers; ");
    const text = readFileSync(out, "utf8");
    expect(jsonLines(text).map(({ ids }) => ids)).toEqual(expected.greedy.map((ids) => ids.slice(0, 8)));
    const second = await run(args);
    expect(second.stdout).toContain("5 answers, 5 of them were there");
    expect(readFileSync(out, "utf8")).toBe(text);
    const other = await run([...args, "--max-new-tokens", "9"]);
    expect(other).toMatchObject({ status: 12, stdout: "" });
    expect(other.stderr).toContain("maxNewTokens was 8, now it is 9");
    expect((await run([...args, "--max-new-tokens", "9", "--force"])).status).toBe(0);
  });

  it.runIf(long)(
    "goes on after being killed at any moment, and ends with the file of a run that was not",
    {
      timeout: 240_000,
    },
    async () => {
      const whole = join(folder, "whole.jsonl");
      const args = [
        "generate",
        model,
        "--prompts",
        file,
        "--n",
        "300",
        "--max-new-tokens",
        "8",
        "--temperature",
        "0.9",
        ...engine,
      ];
      expect((await run([...args, "--out", whole])).status).toBe(0);
      const out = join(folder, "killed.jsonl");
      let kills = 0;
      // The first kill comes before the model is open, the others after more and more answers.
      for (const answers of [-1, 0, 1, 100, 400, 900]) {
        const going = start([...args, "--out", out, "--json"]);
        if (answers >= 0) {
          let heard = 0;
          const enough = going.line((line) => line.includes('"event":"answer"') && ++heard > answers).catch(() => {});
          await Promise.race([enough, going.finished]);
        }
        going.process.kill("SIGKILL");
        if ((await going.finished).signal === "SIGKILL") kills += 1;
      }
      expect(kills).toBeGreaterThan(2);
      const last = await run([...args, "--out", out]);
      expect(last.status).toBe(0);
      expect(readFileSync(out, "utf8")).toBe(readFileSync(whole, "utf8"));
      expect(readdirSync(folder).filter((name) => name.includes("killed"))).toEqual([
        "killed.jsonl",
        "killed.jsonl.facts.json",
      ]);
    },
  );

  it("stops at SIGINT with what is there kept", async () => {
    const out = join(folder, "interrupted.jsonl");
    const args = [
      "generate",
      model,
      "--prompts",
      file,
      "--n",
      "2000",
      "--max-new-tokens",
      "40",
      "--out",
      out,
      "--json",
    ];
    const going = start([...args, ...engine]);
    await going.line((line) => line.includes('"event":"answer"'));
    going.process.kill("SIGINT");
    const { status, stdout } = await going.finished;
    expect(status).toBe(130);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ ok: false, error: { code: "CANCELLED" } });
    expect(jsonLines(readFileSync(out, "utf8")).length).toBeGreaterThan(0);
  });

  it.each([
    ["no prompts", [], 2, "there are no prompts"],
    ["two sources of prompts", ["--prompts", file, "--prompt", "a"], 2, "both give prompts"],
    ["a system message without --chat", ["--prompt", "a", "--system", "b"], 2, "--chat"],
    ["a file that is not there", ["--prompts", "/no/such.jsonl"], 2, "cannot read the prompts"],
    ["a temperature below zero", ["--prompt", "a", "--temperature", "-1"], 2, "0 or more"],
    ["an unknown engine", ["--prompt", "a", "--engine", "abacus"], 2, "auto, native, tensorflow or endpoint"],
    ["a GPU that is not there", ["--prompt", "a", "--engine", "native", "--require-gpu"], 9, "GPU"],
    ["too little memory", ["--prompt", "a", "--engine", "native", "--max-memory", "100K"], 8, "weights"],
    ["too long a prompt", ["--prompt", "word ".repeat(400), "--engine", "native"], 4, "the model's context has 128"],
  ])("refuses before any work: %s", async (_, args, status, message) => {
    const out = join(folder, "refused.jsonl");
    const refused = await run(["generate", model, "--out", out, ...args]);
    expect(refused).toMatchObject({ status, stdout: "" });
    expect(refused.stderr).toContain(message);
    expect(existsSync(out)).toBe(false);
    expect(existsSync(`${out}.facts.json`)).toBe(false);
  });

  it("says that the model is missing", async () => {
    expect(await run(["generate", "--prompt", "a"])).toMatchObject({ status: 2, stdout: "" });
    expect((await run(["generate", "/no/such/model", "--prompt", "a"])).stderr).toContain("does not exist");
  });
});

describe("retemper generate --endpoint", () => {
  const texts = join(folder, "texts.jsonl");
  beforeAll(() => writeFileSync(texts, ["one", "two", "three"].map((text) => `${JSON.stringify(text)}\n`).join("")));

  it("asks a server, and says so", async () => {
    const server = await faultyServer(shout);
    const { status, stdout, stderr } = await run([
      ...["generate", "--engine", "endpoint", "--endpoint", server.url, "--model", "some-model"],
      ...["--prompts", texts, "--chat", "--max-new-tokens", "7"],
    ]);
    expect(status).toBe(0);
    expect(byIndex(jsonLines(stdout)).map(({ text }) => text)).toEqual(["ONE", "TWO", "THREE"]);
    expect(stderr).toContain(`answers by endpoint (${server.url}`);
    expect(server.received[0]?.body).toMatchObject({ model: "some-model", max_tokens: 7 });
  });

  it("keeps what was answered where the server fails, and asks for the rest the next time", async () => {
    const out = join(folder, "endpoint.jsonl");
    let fails = true;
    const server = await faultyServer((request, response, number) => {
      if (fails && textOf(request.body) === "two") return json(response, { error: { message: "too long" } }, 400);
      return shout(request, response, number);
    });
    const args = ["generate", "m", "--endpoint", server.url, "--prompts", texts, "--chat", "--out", out];
    const first = await run(args);
    expect(first.status).toBe(4);
    expect(first.stderr).toMatch(/prompt 1 has no answer: .*too long/);
    expect(first.stderr).toContain("1 prompt has no answer");
    expect(
      jsonLines(readFileSync(out, "utf8"))
        .map(({ index }) => index)
        .sort(),
    ).toEqual([0, 2]);
    fails = false;
    expect((await run(args)).status).toBe(0);
    expect(server.received).toHaveLength(4);
    expect(jsonLines(readFileSync(out, "utf8")).map(({ text }) => text)).toEqual(["ONE", "TWO", "THREE"]);
  });

  it.each([
    [["--engine", "endpoint"], "needs the server's address"],
    [["--engine", "native", "--endpoint", "http://127.0.0.1:9/v1"], "leave one of them out"],
  ])("refuses %j", async (args, message) => {
    const refused = await run(["generate", "m", "--prompt", "a", ...args]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain(message);
  });
});
