// The tokenizer against Hugging Face's own: random texts through the golden tokenizers as transformers opens them, and
// through tokenizers put together at random from the parts of tokenizer.json. Needs Python with both libraries.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../lib/tokenizer/chat/chatTemplate.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import type { ChatMessage, Tokenizer } from "../../../lib/tokenizer/types.js";
import { long } from "../../long.js";
import { runPython, whyNoPython } from "../../peers.js";
import { TEMPLATES } from "./chatTemplates.js";

interface Row {
  readonly text: string;
  readonly ids: number[];
  readonly framed: number[];
  readonly decoded: string;
  readonly skipped: string;
  readonly random: number[];
  readonly randomDecoded: string;
  readonly randomSkipped: string;
}

const missing = whyNoPython("transformers", "tokenizers");
const script = fileURLToPath(new URL("peer.py", import.meta.url));
const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));
const CHATS = long ? 100 : 40;
const root = mkdtempSync(join(tmpdir(), "retemper-peers-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Answer = Record<string, unknown>;

/** The rows of each question, all from one process: importing transformers takes seconds. */
function ask(questions: readonly (readonly string[])[]): Answer[][] {
  const printed = runPython(
    script,
    questions.flatMap((words, at) => (at === 0 ? words : ["--", ...words])),
  );
  const rows: Answer[][] = [[]];
  for (const line of printed.trimEnd().split("\n")) {
    const row = JSON.parse(line) as Answer | null;
    if (row) rows.at(-1)?.push(row);
    else rows.push([]);
  }
  return rows;
}

function stream(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean): string {
  const decoding = tokenizer.decodeStream({ skipSpecialTokens });
  const pieces = ids.map((id) => decoding.push(id));
  return pieces.join("") + decoding.rest();
}

/** What differs, one line each. */
function differences(tokenizer: Tokenizer, rows: readonly Row[]): string[] {
  const found: string[] = [];
  for (const row of rows) {
    const compare = (what: string, got: unknown, expected: unknown): void => {
      const [ours, theirs] = [JSON.stringify(got), JSON.stringify(expected)];
      if (ours !== theirs) found.push(`${what} of ${JSON.stringify(row.text)} ${row.random}: ${ours} is not ${theirs}`);
    };
    compare("ids", tokenizer.encode(row.text, { addSpecialTokens: false }), row.ids);
    compare("framed ids", tokenizer.encode(row.text), row.framed);
    compare("text", tokenizer.decode(row.framed), row.decoded);
    compare("text without specials", tokenizer.decode(row.framed, { skipSpecialTokens: true }), row.skipped);
    compare("text of random ids", tokenizer.decode(row.random), row.randomDecoded);
    compare("stream", stream(tokenizer, row.framed, true), row.skipped);
    compare("stream of random ids", stream(tokenizer, row.random, false), row.randomDecoded);
    compare("random ids without specials", stream(tokenizer, row.random, true), row.randomSkipped);
  }
  return found;
}

const x = { id: 459, content: "<x>", ...flags({}) };

function flags(changes: Readonly<Record<string, boolean>>): Record<string, boolean> {
  return { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...changes };
}

interface Named {
  /** Tokens that tokenizer.json has in addition. */
  readonly added?: readonly object[];
  /** Changes of tokenizer_config.json; null takes a key out. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, unknown>>;
}

/** Ways in which the files beside tokenizer.json speak of tokens. */
const NAMED: Readonly<Record<string, Named>> = {
  plain: {},
  "a token with its own flags": { added: [{ ...x, ...flags({ lstrip: true }) }] },
  "a name for it": { added: [{ ...x, ...flags({ lstrip: true }) }], config: { pad_token: "<x>" } },
  "a name for one that is not special": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { pad_token: "<x>" },
  },
  "a name as an object": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { pad_token: { __type: "AddedToken", content: "<x>", ...flags({ lstrip: true }) } },
  },
  "a name for a new one": { config: { pad_token: "<x>" } },
  "a list that changes flags": {
    added: [x],
    config: {
      added_tokens_decoder: { 459: { content: "<x>", ...flags({ lstrip: true, rstrip: true, special: false }) } },
    },
  },
  "a list with a new one": {
    config: { added_tokens_decoder: { 470: { content: "<x>", ...flags({ rstrip: true, special: false }) } } },
  },
  "a list, and a name that it does not have": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { pad_token: "<x>", added_tokens_decoder: { 1: { content: "<s>", ...flags({}) } } },
  },
  "additional special tokens": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { additional_special_tokens: ["<x>"] },
  },
  "new additional special tokens": { config: { additional_special_tokens: ["<x>", "<xy>"] } },
  "extra special tokens by name": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { extra_special_tokens: { image_token: "<x>" } },
  },
  "no beginning": { config: { add_bos_token: false } },
  "an end": { config: { add_eos_token: true } },
  "special tokens that are text": {
    config: { split_special_tokens: true },
    added: [{ ...x, ...flags({ special: false }) }],
  },
  "a map of special tokens": {
    added: [{ ...x, ...flags({ special: false }) }],
    config: { eos_token: null },
    files: { "special_tokens_map.json": { eos_token: "<x>" } },
  },
  "a map beside a list": {
    config: { added_tokens_decoder: { 1: { content: "<s>", ...flags({}) } } },
    files: { "special_tokens_map.json": { pad_token: "<x>" } },
  },
  "added_tokens.json": { files: { "added_tokens.json": { "<x>": 459 } } },
  "clean-up": { config: { clean_up_tokenization_spaces: true } },
  "no configuration": { files: { "tokenizer_config.json": undefined } },
};

function namedFolder(name: string, { added = [], config = {}, files = {} }: Named): string {
  const folder = join(root, name);
  mkdirSync(folder);
  const source = (file: string) => JSON.parse(readFileSync(join(golden, "llama2", file), "utf8"));
  const tokenizer = source("tokenizer.json");
  const changed = { ...source("tokenizer_config.json"), ...config };
  const all: Record<string, unknown> = {
    "tokenizer.json": { ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] },
    "tokenizer_config.json": Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== null)),
    ...files,
  };
  for (const [file, value] of Object.entries(all)) {
    if (value !== undefined) writeFileSync(join(folder, file), JSON.stringify(value));
  }
  return folder;
}

describe.skipIf(missing)(`the tokenizer beside Hugging Face's${missing ? `: ${missing}` : ""}`, () => {
  const count = long ? 300 : 60;
  const names = Object.keys(NAMED);
  let answers: Answer[][] = [];
  beforeAll(() => {
    const seed = process.env.PEER_SEED ?? "1";
    const folders = ["llama3", "llama2", "qwen", "gemma", "gpt2"].map((flavour) => join(golden, flavour));
    const named = names.map((name) => namedFolder(name, NAMED[name] as Named));
    const file = join(root, "templates.json");
    writeFileSync(file, JSON.stringify(TEMPLATES));
    answers = ask([
      ["texts", seed, String(count), ...folders],
      ["texts", "1", long ? "40" : "10", ...named],
      ["chats", seed, String(CHATS), file],
      ["parts", seed, process.env.PEER_COUNT ?? (long ? "150" : "40"), "20"],
    ]);
  });

  it("has the ids and texts of transformers for random texts", async () => {
    expect(answers[0]).toHaveLength(5);
    for (const { folder, rows } of answers[0] ?? []) {
      expect(rows).toHaveLength(count);
      const tokenizer = await openTokenizer(folder as string);
      expect(differences(tokenizer, rows as Row[]).slice(0, 5), folder as string).toEqual([]);
    }
  });

  it("has them for every way to speak of tokens beside tokenizer.json", async () => {
    expect(answers[1]).toHaveLength(names.length);
    for (const { folder, rows } of answers[1] ?? []) {
      const tokenizer = await openTokenizer(folder as string);
      expect(differences(tokenizer, rows as Row[]).slice(0, 3), folder as string).toEqual([]);
    }
  });

  it("renders random conversations as transformers, or fails with the same words", () => {
    const rows = answers[2] ?? [];
    expect(rows).toHaveLength(CHATS * Object.keys(TEMPLATES).length);
    for (const { name, messages, addGenerationPrompt, text, error } of rows) {
      const template = new ChatTemplate(TEMPLATES[name as string] as string, "t", {
        bos_token: "<s>",
        eos_token: "</s>",
      });
      const ours = (): string => {
        try {
          return template.render(messages as ChatMessage[], addGenerationPrompt as boolean);
        } catch (failure) {
          return (failure as Error).message;
        }
      };
      expect(ours(), `${name as string} of ${JSON.stringify(messages)}`).toBe(text ?? error);
    }
  });

  it("has the ids and texts of tokenizers for random combinations of its parts", async () => {
    expect(answers[3]?.length).toBeGreaterThan(0);
    for (const [index, { tokenizer: spec, rows }] of (answers[3] ?? []).entries()) {
      const folder = join(root, String(index));
      mkdirSync(folder);
      writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(spec));
      const tokenizer = await openTokenizer(folder);
      const { model, ...rest } = spec as Record<string, Record<string, unknown>>;
      const { vocab, merges, ...settings } = model as Record<string, unknown>;
      expect(differences(tokenizer, rows as Row[]).slice(0, 5), JSON.stringify({ ...rest, settings })).toEqual([]);
    }
  });
});
