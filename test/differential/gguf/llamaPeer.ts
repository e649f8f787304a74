// llama.cpp as the shared libraries of an npm package (`npm run setup:peers`), for tests that compare with it where it is.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peersFolder, runPython } from "../../peers.js";

/** What llama.py says to one request. */
export interface LlamaAnswer {
  readonly texts?: readonly (readonly number[])[];
  readonly prompts?: readonly { readonly logits: string; readonly greedy: readonly number[] }[];
  readonly status?: number;
}

/** Asks llama.cpp (llama.py), one answer a request. */
export function askLlama(requests: readonly object[]): LlamaAnswer[] {
  const folder = mkdtempSync(join(tmpdir(), "retemper-llama-requests-"));
  try {
    const path = join(folder, "requests.jsonl");
    writeFileSync(path, requests.map((request) => `${JSON.stringify(request)}\n`).join(""));
    const printed = runPython(join(import.meta.dirname, "llama.py"), [llamaFolder(), path]);
    return printed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as LlamaAnswer);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Logits after each token of a prompt. */
export function logitsOf(answer: LlamaAnswer | undefined, prompt: number): Float32Array {
  const bytes = Buffer.from(answer?.prompts?.[prompt]?.logits ?? "", "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The largest difference of a logit over the spread of ours. */
export function spreadApart(ours: Float32Array, theirs: Float32Array): number {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} logits beside ${theirs.length}`);
  let [least, most, apart] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  ours.forEach((value, at) => {
    least = Math.min(least, value);
    most = Math.max(most, value);
    apart = Math.max(apart, Math.abs(value - (theirs[at] as number)));
  });
  return apart / (most - least);
}

/** The folder of the libraries: RETEMPER_LLAMA, else in the peers' folder. */
export function llamaFolder(): string {
  if (process.env.RETEMPER_LLAMA) return process.env.RETEMPER_LLAMA;
  const name = `linux-${process.arch}`;
  return join(peersFolder, "llama", "node_modules", "@node-llama-cpp", name, "bins", name);
}

/** Why llama.cpp cannot run here; undefined where it can. */
export function whyNoLlama(): string | undefined {
  if (process.platform !== "linux") return "the libraries of llama.cpp that tests load are Linux's";
  return existsSync(llamaFolder()) ? undefined : "no llama.cpp: npm run setup:peers";
}
