// The servers of the benchmark of serving, each a process of its own: what is asked of it, and its processor seconds.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { python } from "../peers.mjs";

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const LLAMA = fileURLToPath(new URL("llama_server.py", import.meta.url));
const TICKS = 100; // USER_HZ of Linux

/** `retemper serve`, asked for each lambda by its field. */
export async function retemperServer(recipe, { requests, tokens, threads, precision, fidelity }) {
  const flags = ["--engine", "native", "--port", "0", "--name", "bench", "--json"];
  const sizes = ["--slots", requests, "--queue", requests, "--max-tokens", tokens, "--threads", threads];
  const how = ["--precision", precision, "--fidelity", fidelity];
  const server = await started(process.execPath, [MAIN, "serve", recipe, ...flags, ...sizes.map(String), ...how]);
  return {
    ...server,
    async ask({ prompt, lambda }, count) {
      const fields = { temperature: 0, max_tokens: count, ignore_eos: true };
      const { usage } = await post(`${server.url}/v1/completions`, { prompt, lambda, ...fields });
      return usage.completion_tokens;
    },
  };
}

/** llama.cpp's own server out of a Python package, asked for the adapter's scale in each request. */
export async function llamaServer(library, { model, lora }, { requests, prompt, tokens, threads }) {
  const settings = { model, lora, slots: requests, context: requests * (prompt + tokens + 8), threads };
  const server = await started(python, [LLAMA, JSON.stringify(settings)], { PYTHONPATH: library });
  return {
    ...server,
    async ask({ prompt, lambda }, count) {
      const fields = { temperature: 0, n_predict: count, ignore_eos: true, cache_prompt: false };
      const { tokens_predicted } = await post(`${server.url}/completion`, {
        prompt,
        lora: [{ id: 0, scale: lambda }],
        ...fields,
      });
      return tokens_predicted;
    },
  };
}

/** Its first line of JSON says where it listens. */
async function started(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr = (stderr + data).slice(-4000);
  });
  const ended = once(child, "close");
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      if (line.includes('"url"')) resolve(JSON.parse(line).url);
    });
    ended.then(() => reject(new Error(`${command} ended:\n${stderr}`)), reject);
  });
  return {
    url,
    cpu() {
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      return (Number(stat[11]) + Number(stat[12])) / TICKS;
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function post(url, body) {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${text}`);
  return JSON.parse(text);
}
