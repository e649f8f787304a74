// What the tests of `push` push: a small model whose weights go to the storage, in parts and whole.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { encodeTensors } from "../../../lib/checkpoint/tensorFile.js";
import { type PushOptions, type PushReport, push } from "../../../lib/push/push.js";
import { type Hub, WRITER } from "../../hub/hubServer.js";
import { type Kind, sha256 } from "../../hub/store.js";

/** A weight of so many float32, the same each time. */
export function weights(count: number, seed = 1): Buffer {
  const values = Float32Array.from({ length: count }, (_, at) => ((at * 7919 + seed * 31) % 251) / 100);
  return Buffer.concat(encodeTensors(new Map([["model.embed_tokens.weight", { shape: [count], values }]])));
}

export const CARD = "---\nlicense: apache-2.0\nbase_model: org/base\n---\n# A model\n";

/** 160 kB of weights: five parts of the test server. */
export const MODEL: Readonly<Record<string, Buffer | string>> = {
  "README.md": CARD,
  "config.json": '{"model_type":"llama","architectures":["LlamaForCausalLM"]}',
  "tokenizer.json": "{}",
  "generation_config.json": "{}",
  "model.safetensors": weights(40_000),
};

export interface PushPlace {
  readonly root: string;
  folder(files?: Readonly<Record<string, Buffer | string>>): string;
  /** Where what a push left of its uploads lies. */
  readonly uploads: string;
  readonly notes: string[];
  push(out: string, repository: string, options?: PushOptions & { readonly token?: string }): Promise<PushReport>;
  /** Environment of a command that pushes to this hub. */
  readonly env: Readonly<Record<string, string>>;
}

export function pushPlace(hub: Hub, within = false): PushPlace {
  const root = mkdtempSync(join(tmpdir(), "retemper-push-"));
  // Within a test, what it makes is removed with all that the tests make.
  if (!within) afterAll(() => rmSync(root, { recursive: true, force: true }));
  let count = 0;
  const notes: string[] = [];
  const env = {
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: join(root, "hf"),
    RETEMPER_CACHE: join(root, "cache"),
    HF_TOKEN: WRITER,
  };
  return {
    ...{ root, notes, env, uploads: join(root, "cache", "uploads") },
    folder(files = MODEL) {
      const folder = join(root, `out-${count++}`);
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
      return folder;
    },
    push(out, repository, { token, ...options } = {}) {
      const own = { ...env, ...(token !== undefined && { HF_TOKEN: token }) };
      const onNote = (note: string) => void notes.push(note);
      return push(out, repository, { hub: { env: own, retryDelayMs: 1, onNote, ...options.hub }, ...options });
    },
  };
}

/** The files of a folder by their digests, as `onHub` gives them after a push. */
export function asPushed(folder: string, files: Readonly<Record<string, unknown>> = MODEL): Record<string, string> {
  return Object.fromEntries(Object.keys(files).map((path) => [path, sha256(readFileSync(join(folder, path)))]));
}

/** Digests of what a repository holds, but for what the hub itself puts there. */
export function onHub(hub: Hub, id: string, revision = "main", kind: Kind = "models"): Record<string, string> {
  const { ".gitattributes": _, ...files } = hub.contents(id, revision, kind);
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(content)]));
}
