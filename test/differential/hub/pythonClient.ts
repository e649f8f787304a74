// Python's huggingface_hub as a process beside the tests: one thing asked, one answer.

import { join } from "node:path";
import { createInterface } from "node:readline";
import { startPython } from "../../peers.js";

export interface PythonClient {
  /** What `client.py` gives for it: `{ error, text }` where huggingface_hub raised. */
  ask<T extends object>(what: string, options?: object): Promise<T & { error?: string; text?: string }>;
  close(): void;
}

export interface PythonPlace {
  readonly endpoint: string;
  /** HF_HOME: the cache is its folder "hub". */
  readonly home: string;
  readonly token?: string;
  readonly offline?: boolean;
}

export function pythonClient({ endpoint, home, token = "", offline = false }: PythonPlace): PythonClient {
  const child = startPython(join(import.meta.dirname, "client.py"), {
    ...{ HF_ENDPOINT: endpoint, HF_HOME: home, HF_HUB_CACHE: join(home, "hub"), HF_HUB_OFFLINE: offline ? "1" : "0" },
    // Xet needs a service of its own: without it, large files go through LFS, as they do for every other client.
    ...{ HF_TOKEN: token, HF_HUB_DISABLE_XET: "1", HF_HUB_DISABLE_TELEMETRY: "1" },
  });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(what, options = {}) {
      child.stdin.write(`${JSON.stringify({ do: what, ...options })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`client.py ended: ${errors}`);
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}
