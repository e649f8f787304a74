// Folders of the golden models as users have them: weights, configuration and tokenizer together.

import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** The golden models, and the tokenizer that each of them has. */
export const MODELS = {
  llama: "llama2",
  llama3: "llama3",
  mistral: "llama2",
  qwen2: "qwen",
  qwen3: "qwen",
  gemma: "gemma",
  gemma2: "gemma",
  gemma3_text: "gemma",
  phi3: "llama2",
  gpt2: "gpt2",
} as const;

export type GoldenModel = keyof typeof MODELS;

export const MODEL_NAMES = Object.keys(MODELS) as GoldenModel[];

const golden = join(import.meta.dirname, "..");
const WANTED = /^(config\.json|generation_config\.json|.*\.safetensors|.*\.index\.json|tokenizer.*\.json|.*\.jinja)$/;

export interface FolderChanges {
  /** Replaces values of config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Files that are left out. */
  readonly without?: readonly string[];
  /** Files that are added. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A folder in the system's temporary one; it is removed when the test file has run. */
export function modelFolder(model: GoldenModel, { config, without = [], files = {} }: FolderChanges = {}): string {
  const folder = mkdtempSync(join(tmpdir(), `retemper-${model}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  for (const source of [join(golden, "models", model), join(golden, "tokenizers", MODELS[model])]) {
    for (const name of readdirSync(source)) {
      if (!WANTED.test(name) || name.startsWith("expected") || without.includes(name)) continue;
      copyFileSync(join(source, name), join(folder, name));
    }
  }
  if (config) {
    const path = join(folder, "config.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...config }));
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

export interface Expected {
  readonly greedy: number[][];
  readonly greedy_rep12: number[][];
  readonly greedy_stopped: number[][];
  readonly greedy_stop_token: number;
}

export function expectedOf(model: GoldenModel): Expected {
  return readGolden(model, "expected.json") as Expected;
}

export function promptsOf(model: GoldenModel): number[][] {
  return readGolden(model, "prompts.json") as number[][];
}

function readGolden(model: GoldenModel, name: string): unknown {
  const path = join(golden, "models", model, name);
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  return JSON.parse(readFileSync(path, "utf8"));
}
