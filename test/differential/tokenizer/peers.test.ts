// The tokenizer against Hugging Face's own: random texts through the golden tokenizers as transformers opens them, and
// through tokenizers put together at random from the parts of tokenizer.json. Needs Python with both libraries.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import type { Tokenizer } from "../../../lib/tokenizer/types.js";

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

const peers = process.env.PEER_DIR ?? join(homedir(), ".cache", "retemper-peers");
const python = join(peers, "v", "bin", "python");
const script = fileURLToPath(new URL("peer.py", import.meta.url));
const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "retemper-peers-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function ask(...args: string[]): Record<string, unknown>[] {
  const output = execFileSync(python, [script, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
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

describe.skipIf(!existsSync(python))("the tokenizer beside Hugging Face's", () => {
  it("has the ids and texts of transformers for random texts", async () => {
    const folders = ["llama3", "llama2", "qwen", "gemma", "gpt2"].map((flavour) => join(golden, flavour));
    for (const { folder, rows } of ask("texts", process.env.PEER_SEED ?? "1", "300", ...folders)) {
      expect(rows).toHaveLength(300);
      const tokenizer = await openTokenizer(folder as string);
      expect(differences(tokenizer, rows as Row[]).slice(0, 5), folder as string).toEqual([]);
    }
  });

  it("has the ids and texts of tokenizers for random combinations of its parts", async () => {
    const cases = ask("parts", process.env.PEER_SEED ?? "1", process.env.PEER_COUNT ?? "150", "20");
    for (const [index, { tokenizer: spec, rows }] of cases.entries()) {
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
