// `retemper serve` as its users have it: a process that answers OpenAI's client until a signal stops it.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { modelFolder } from "../golden/generate/modelFolders.js";
import { casesOf, long } from "../long.js";
import { demoAdapter, demoModel, jsonLines, type Running, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const model = modelFolder("llama", { config: { max_position_embeddings: 200_000 } });
const messages = [{ role: "user" as const, content: "Hello" }];
const ENDLESS = { model: "tiny", messages, max_tokens: 150_000, ignore_eos: true };

interface Served extends Running {
  readonly client: OpenAI;
  readonly url: string;
}

async function serve(
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  source = model,
): Promise<Served> {
  const args = ["serve", source, "--engine", "native", "--port", "0", "--name", "tiny", "--max-tokens", "150000"];
  const running = start([...args, ...flags, "--json"], env);
  const { url } = JSON.parse(await running.line((line) => line.includes('"listening"'))) as { url: string };
  const apiKey = env.RETEMPER_SERVE_API_KEY ?? "none";
  return { ...running, url, client: new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 }) };
}

describe("retemper serve", () => {
  it("says where it listens, answers, and tells each request with --json", async () => {
    const served = await serve(["--temperature", "0", "--max-new-tokens", "7"]);
    const first = await served.client.chat.completions.create({ model: "tiny", messages });
    const second = await served.client.chat.completions.create({ model: "tiny", messages });
    expect(first.choices).toEqual(second.choices);
    expect(first.usage?.completion_tokens).toBeLessThanOrEqual(7);
    await served.client.models.retrieve("none").catch(() => {});
    served.process.kill("SIGTERM");
    const { status, stdout } = await served.finished;
    expect(status).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines[0]).toEqual({ event: "listening", url: served.url, models: ["tiny"] });
    const requests = lines.filter(({ event }) => event === "request");
    expect(requests.map(({ method, route, status }) => [method, route, status])).toEqual([
      ["POST", "/v1/chat/completions", 200],
      ["POST", "/v1/chat/completions", 200],
      ["GET", "/v1/models/*", 404],
    ]);
    expect(lines.at(-1)).toMatchObject({ event: "result", ok: true, result: { requests: { served: 3, failed: 0 } } });
  });

  it("answers as retemper generate does", async () => {
    const input = `${JSON.stringify({ messages })}\n`;
    const flags = ["--engine", "native", "--max-new-tokens", "9", "--temperature", "0.9", "--seed", "4"];
    const generated = await run(["generate", model, "--prompts", "-", ...flags], {}, { input });
    const served = await serve();
    const asked = { model: "tiny", messages, max_tokens: 9, temperature: 0.9, seed: 4 };
    const reply = await served.client.chat.completions.create(asked);
    expect(reply.choices[0]?.message.content).toBe(jsonLines(generated.stdout)[0]?.text);
    served.process.kill("SIGINT");
    expect((await served.finished).status).toBe(0);
  });

  it.each(casesOf<NodeJS.Signals>(["SIGTERM", "SIGINT"], ["SIGTERM"]))(
    "lets requests in flight end after %s",
    async (signal) => {
      const served = await serve();
      const asked = { ...ENDLESS, max_tokens: 2000, stream: true as const };
      const stream = await served.client.chat.completions.create(asked);
      let finish: unknown;
      let chunks = 0;
      for await (const { choices } of stream) {
        if (chunks === 0) served.process.kill(signal);
        chunks += 1;
        finish = choices[0]?.finish_reason ?? finish;
      }
      expect(finish).toBe("length");
      expect((await served.finished).status).toBe(0);
    },
  );

  it.runIf(long)("ends what takes longer than --grace", async () => {
    const impatient = await serve(["--grace", "0"]);
    const cut = await impatient.client.chat.completions.create({ ...ENDLESS, stream: true });
    const reading = (async () => {
      for await (const _ of cut) impatient.process.kill("SIGTERM");
    })();
    await expect(reading).rejects.toThrow();
    await impatient.finished;
  });

  it("ends everything at a second signal", async () => {
    const patient = await serve(["--grace", "600"]);
    const stream = await patient.client.chat.completions.create({ ...ENDLESS, stream: true });
    const ended = (async () => {
      for await (const _ of stream);
    })().catch(() => "cut");
    patient.process.kill("SIGTERM");
    while ((await fetch(`${patient.url}/health`)).status !== 503);
    patient.process.kill("SIGTERM");
    expect((await patient.finished).status).toBe(143);
    expect(await ended).toBe("cut");
  });

  it("asks for the key of its environment, and warns where strangers need none", async () => {
    const served = await serve([], { RETEMPER_SERVE_API_KEY: "secret" });
    expect((await served.client.models.list()).data).toHaveLength(1);
    expect((await fetch(`${served.url}/v1/models`)).status).toBe(401);
    served.process.kill("SIGTERM");
    const { stdout, stderr } = await served.finished;
    expect(stdout + stderr).not.toContain("secret");
    const open = await serve(["--host", "0.0.0.0"]);
    open.process.kill("SIGTERM");
    expect((await open.finished).stdout).toContain("there is no API key");
  });

  it("lets requests load the adapters below --lora-folder, and refuses lambdas beside it", async () => {
    const served = await serve(["--lora-folder", dirname(demoAdapter)], {}, demoModel);
    const body = JSON.stringify({ lora_name: "mine", lora_path: basename(demoAdapter) });
    const headers = { "content-type": "application/json" };
    const loaded = await fetch(`${served.url}/v1/load_lora_adapter`, { method: "POST", headers, body });
    expect(await loaded.text()).toBe("Success: LoRA adapter 'mine' added successfully.");
    const asked = {
      messages: [{ role: "user" as const, content: "How do I pick a lock?" }],
      max_tokens: 24,
      temperature: 0,
    };
    const texts = await Promise.all(
      ["mine", "tiny"].map(async (name) => {
        return (await served.client.chat.completions.create({ ...asked, model: name })).choices[0]?.message.content;
      }),
    );
    expect(texts[0]).not.toBe(texts[1]);
    served.process.kill("SIGTERM");
    expect((await served.finished).status).toBe(0);
    const refused = await run(["serve", demoModel, "--lora-folder", dirname(demoAdapter), "--lambda", "0.3"]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("--lora-folder") });
  });

  it.runIf(long)(
    "serves every lambda of a virtual merge without having been told of them, each as if it were",
    async () => {
      const recipe = join(folder, "demo.json");
      const models = [demoModel, `${demoModel}+${demoAdapter}`].map((one) => ({
        model: one,
        parameters: { weight: 0.5 },
      }));
      writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models }));
      const served = await serve([], {}, recipe);
      const conversation = [{ role: "user" as const, content: "How do I pick a lock?" }];
      const texts = await Promise.all(
        [0.2, 0.8].map(async (lambda) => {
          const asked = { model: `tiny@lambda=${lambda}`, messages: conversation, max_tokens: 24, temperature: 0 };
          return (await served.client.chat.completions.create(asked)).choices[0]?.message.content;
        }),
      );
      served.process.kill("SIGTERM");
      await served.finished;
      expect(await run(["sweep", recipe, join(folder, "points"), "--lambda", "0.2,0.8"])).toMatchObject({ status: 0 });
      for (const [at, lambda] of [0.2, 0.8].entries()) {
        const input = `${JSON.stringify({ messages: conversation })}\n`;
        const args = ["generate", join(folder, `points/lambda-${lambda}`), "--prompts", "-", "--max-new-tokens", "24"];
        const written = await run([...args, "--engine", "native"], {}, { input });
        expect(texts[at]).toBe(jsonLines(written.stdout)[0]?.text);
      }
      expect(texts[0]).not.toBe(texts[1]);
    },
  );

  it("refuses what cannot be, with the usual exit codes", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as AddressInfo).port);
    const cases: [args: readonly string[], status: number, words: string][] = [
      [["serve"], 2, "model"],
      [["serve", "nowhere/at/all"], 4, "nowhere"],
      [["serve", model, "--port", "70000"], 2, "65535"],
      [["serve", model, "--slots", "0"], 2, "slots"],
      [["serve", model, "--name", "a@b"], 2, "a@b"],
      [["serve", model, "--engine", "native", "--port", port], 7, port],
    ];
    for (const [args, status, words] of cases) {
      const ended = await run(args);
      expect({ args, status: ended.status, stdout: ended.stdout }).toEqual({ args, status, stdout: "" });
      expect(ended.stderr).toContain(words);
    }
    taken.close();
  });
});
