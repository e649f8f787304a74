// `retemper chat` through a pipe, and on a terminal where `script` can make one.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { modelFolder } from "../golden/generate/modelFolders.js";
import { delta, event, faultyServer, stream, textOf } from "../unit/endpoint/faultyServer.js";
import { jsonLines, main, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const model = modelFolder("qwen2");
const args = ["chat", model, "--engine", "native", "--max-new-tokens", "6"];
const hasTerminal = spawnSync("script", ["--version"]).status === 0;

/** What `generate` answers to a conversation. */
async function answerTo(messages: readonly object[]): Promise<string> {
  const input = `${JSON.stringify({ messages })}\n`;
  const answer = await run(["generate", model, "--prompts", "-", ...args.slice(2)], {}, { input });
  return jsonLines(answer.stdout)[0]?.text as string;
}

describe("retemper chat", () => {
  it("answers each line of a pipe, with what was said before", async () => {
    const { status, stdout, stderr } = await run(args, {}, { input: "one\\\nmore\n\ntwo\n" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const first = await answerTo([{ role: "user", content: "one\nmore" }]);
    const second = await answerTo([
      { role: "user", content: "one\nmore" },
      { role: "assistant", content: first },
      { role: "user", content: "two" },
    ]);
    expect(stdout).toBe(`${first}\n${second}\n`);
  });

  it("knows commands, texts of several lines, and texts that begin with a slash", async () => {
    const file = join(folder, "talk.json");
    const input = ['"""first', 'second"""', "/reset", "//slash", "/system -", `/save ${file}`, "/exit", "never"];
    const { status, stdout, stderr } = await run([...args, "--system", "be kind"], {}, { input: input.join("\n") });
    expect(status).toBe(0);
    expect(stdout.split("\n").length).toBeGreaterThanOrEqual(3);
    expect(stderr).toContain("The conversation starts from the beginning.");
    const { messages } = JSON.parse(readFileSync(file, "utf8"));
    expect(messages).toHaveLength(2);
    expect(messages[0]).toEqual({ role: "user", content: "/slash" });
  });

  it("with --json gives an event an answer, and the conversation at the end", async () => {
    const { stdout } = await run([...args, "--json"], {}, { input: "one\n/help\ntwo\n" });
    const lines = jsonLines(stdout);
    const told = lines.filter(({ event }) => event !== "piece");
    expect(told.map(({ event }) => event)).toEqual(["answer", "note", "answer", "result"]);
    const pieces = lines.slice(
      0,
      lines.findIndex(({ event }) => event === "answer"),
    );
    expect(pieces.map(({ text }) => text).join("")).toBe(told[0]?.text);
    expect(lines.at(-1)).toMatchObject({ ok: true, result: { answers: 2, engine: { engine: "native" } } });
  });

  it("ends with the failure where no one is there to see it", async () => {
    expect(await run(args, {}, { input: "/frobnicate\nhello\n" })).toMatchObject({ status: 2, stdout: "" });
    const full = await run(args, {}, { input: `${"word ".repeat(300)}\n` });
    expect(full.status).toBe(4);
    expect(full.stderr).toContain("context");
  });

  it("refuses a model without a chat template", async () => {
    const plain = await run(["chat", modelFolder("gpt2"), "--engine", "native"], {}, { input: "hello\n" });
    expect(plain).toMatchObject({ status: 5, stdout: "" });
    expect(plain.stderr).toContain("no chat template");
  });

  it("stops an answer at an interrupt, and goes on with the next line", async () => {
    const long = ["chat", modelFolder("qwen2", { config: { max_position_embeddings: 8192 } }), "--engine", "native"];
    const going = start([...long, "--json", "--max-new-tokens", "8000", "--ignore-eos"], {}, { input: "open" });
    going.process.stdin?.write("one\n");
    await going.line((line) => line.includes('"piece"'));
    going.process.kill("SIGINT");
    const line = await going.line((text) => text.includes('"answer"'));
    expect(JSON.parse(line)).toMatchObject({ finish: "stopped" });
    going.process.stdin?.end("/exit\n");
    expect(await going.finished).toMatchObject({ status: 0 });
  });
});

describe.skipIf(!hasTerminal)("retemper chat on a terminal", () => {
  it("streams answers, keeps the program at Ctrl-C, and leaves at Ctrl-D", async () => {
    const slow = modelFolder("qwen2", { config: { max_position_embeddings: 8192 } });
    const command = [process.execPath, main, "chat", slow, "--engine", "native", "--ignore-eos"].join(" ");
    const terminal = spawn("script", ["-qfec", `${command} --max-new-tokens 8000`, "/dev/null"], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", TERM: "xterm" },
    });
    let seen = "";
    let wake = () => {};
    terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
      wake();
    });
    const shown = async (pattern: RegExp) => {
      while (!pattern.test(seen)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      seen = "";
    };
    const closed = new Promise((resolve) => terminal.on("close", resolve));
    await shown(/lists commands[\s\S]*> /);
    terminal.stdin.write("hello\r");
    await shown(/hello[\s\S]*\n[\s\S]{20}/); // the answer has begun
    terminal.stdin.write("\x03");
    await shown(/> /); // it has stopped, and the program has not
    terminal.stdin.write("/set colour red\r");
    await shown(/there is no setting "colour"[\s\S]*> /);
    terminal.stdin.write("half a line\x03");
    await shown(/Ctrl-C again, or Ctrl-D, leaves[\s\S]*> /);
    terminal.stdin.write("/reset\r");
    await shown(/from the beginning[\s\S]*> /);
    terminal.stdin.write("\x04");
    expect(await closed).toBe(0);
  });
});

it("retemper chat talks with a server's model too", async () => {
  const server = await faultyServer((request, response) => {
    const text = textOf(request.body);
    stream(
      response,
      delta(text.toUpperCase()),
      event({ choices: [{ delta: {}, finish_reason: "stop" }] }),
      "data: [DONE]\n\n",
    );
  });
  const { status, stdout, stderr } = await run(
    ["chat", "m", "--endpoint", server.url],
    {},
    { input: "hello\nagain\n" },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "HELLO\nAGAIN\n", stderr: "" });
  expect(server.received[1]?.body.messages).toEqual([
    { role: "user", content: "hello" },
    { role: "assistant", content: "HELLO" },
    { role: "user", content: "again" },
  ]);
});
