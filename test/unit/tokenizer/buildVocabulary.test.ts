import { describe, expect, it } from "vitest";
import type { TokenizerRequest } from "../../../lib/recipe/types.js";
import { buildTokenizer } from "../../../lib/tokenizer/buildVocabulary.js";
import { embeddingGathers } from "../../../lib/tokenizer/embeddingRows.js";
import { readTokenizer } from "../../../lib/tokenizer/readTokenizer.js";
import type { TokenizerModel } from "../../../lib/tokenizer/types.js";
import { addedToken, failureOf, folderWith, reference, wordLevel } from "./fixtures.js";

async function model(name: string, json: unknown, more: Partial<TokenizerModel> = {}): Promise<TokenizerModel> {
  const folder = folderWith({ "tokenizer.json": json });
  return { reference: reference(name), folder, tokenizer: await readTokenizer(folder), ...more };
}

function union(tokens: TokenizerRequest["tokens"] = {}, padToMultipleOf?: number): TokenizerRequest {
  return { source: { kind: "union" }, tokens, ...(padToMultipleOf === undefined ? {} : { padToMultipleOf }) };
}

/** Each row's origins as "part:row". */
function origins(gather: ReturnType<typeof embeddingGathers>[number]): string[] {
  if (gather === undefined) throw new Error("no gather");
  const { start, part, row } = gather;
  return Array.from({ length: start.length - 1 }, (_, id) =>
    Array.from(part.slice(start[id], start[id + 1]), (p, k) => `${p}:${row[(start[id] ?? 0) + k]}`).join("+"),
  );
}

describe("a union of vocabularies", () => {
  it("keeps the base's ids and appends pieces, then added tokens, in the order in which they are met", async () => {
    const models = [
      await model("a", wordLevel(["<unk>", "y", "z"], ["<x>"])),
      await model("b", wordLevel(["<unk>", "z", "p"], ["<s>", "<x>"])),
      await model("c", wordLevel(["q", "p", "<unk>"], ["<t>"])),
    ];
    const merged = buildTokenizer(union(), models, reference("b"));
    expect(merged.source).toBe(1);
    expect(merged.tokens).toEqual(["<unk>", "z", "p", "<s>", "<x>", "y", "q", "<t>"]);
    expect([...(merged.permutations[0] ?? [])]).toEqual([0, 2, -1, -1, 3, 1, -1, -1]);
    expect([...(merged.permutations[2] ?? [])]).toEqual([2, -1, 1, -1, -1, -1, 0, 3]);
  });

  it("is the first model's, when there is no base, whichever order the names sort in", async () => {
    const models = [await model("z", wordLevel(["b", "a"])), await model("a", wordLevel(["a", "c"]))];
    expect(buildTokenizer(union(), models, undefined)).toMatchObject({
      source: 0,
      tokens: ["b", "a", "c"],
      base: undefined,
    });
  });

  it("changes no file where nothing is new", async () => {
    const models = [await model("a", wordLevel(["<unk>", "x"], ["<s>"])), await model("b", wordLevel(["x", "<unk>"]))];
    const merged = buildTokenizer(union(), models, reference("a"));
    expect(merged.changed.size).toBe(0);
    expect(merged.vocabularySize).toBe(3);
  });

  it("keeps the flags of the first of conflicting added tokens, and warns", async () => {
    const json = (flags: Record<string, unknown>) => ({
      ...wordLevel(["<unk>"]),
      added_tokens: [addedToken(1, "<s>", flags)],
    });
    const models = [
      await model("a", wordLevel(["<unk>"])),
      await model("b", json({})),
      await model("c", json({ lstrip: true })),
    ];
    const merged = buildTokenizer(union(), models, reference("a"));
    expect(merged.warnings).toEqual(['added token "<s>" has other flags in c than in b; those of b are kept']);
    expect(JSON.parse(merged.changed.get("tokenizer.json") ?? "").added_tokens).toEqual([addedToken(1, "<s>", {})]);
  });

  it("makes an added token of what one model has as a piece and another as an added token", async () => {
    const models = [
      await model("a", wordLevel(["<unk>"])),
      await model("b", wordLevel(["<unk>", "<t>"])),
      await model("c", wordLevel(["<unk>"], ["<t>"])),
    ];
    const merged = buildTokenizer(union(), models, reference("a"));
    expect(JSON.parse(merged.changed.get("tokenizer.json") ?? "").added_tokens).toEqual([addedToken(1, "<t>")]);
  });

  it("pads the number of rows and leaves the tokens alone", async () => {
    const models = [await model("a", wordLevel(["a", "b", "c"]))];
    const merged = buildTokenizer(union({}, 64), models, reference("a"));
    expect([merged.tokens.length, merged.vocabularySize]).toEqual([3, 64]);
    expect(embeddingGathers(merged, models)[0]).toMatchObject({ meanRows: 61 });
    expect(buildTokenizer(union({}, 3), models, reference("a")).vocabularySize).toBe(3);
  });

  it("refuses padding to an absurd size", async () => {
    const models = [await model("a", wordLevel(["a"]))];
    const error = await failureOf(() => buildTokenizer(union({}, 1e12), models, reference("a")));
    expect(error.code).toBe("BAD_RECIPE");
  });

  it("does not walk a model that only lends its tokenizer", async () => {
    const models = [await model("a", wordLevel(["a"])), await model("b", wordLevel(["b"], ["<s>"]), { merged: false })];
    expect(buildTokenizer(union(), models, reference("a")).tokens).toEqual(["a"]);
  });

  it("is made of tens of thousands of tokens without comparing each with each", async () => {
    const words = (prefix: string) => wordLevel(Array.from({ length: 40_000 }, (_, id) => `${prefix}${id}`));
    const models = [await model("a", words("a")), await model("b", words("b"))];
    const merged = buildTokenizer(union(), models, reference("a"));
    expect(merged.tokens.length).toBe(80_000);
    expect(embeddingGathers(merged, models).map((gather) => gather?.part.length)).toEqual([80_000, 80_000]);
  });
});

describe("rows of embeddings", () => {
  it("come from the model itself, the only owner, the base, or all owners", async () => {
    const models = [
      await model("a", wordLevel(["<unk>", "one", "both"])),
      await model("b", wordLevel(["both", "<unk>", "ac"])),
      await model("c", wordLevel(["<unk>", "ac"])),
    ];
    const withBase = buildTokenizer(union(), models, reference("a"));
    expect(withBase.tokens).toEqual(["<unk>", "one", "both", "ac"]);
    expect(origins(embeddingGathers(withBase, models)[2])).toEqual(["2:0", "0:1", "0:2", "2:1"]);
    // a lacks "ac", and the base has it not either: the mean of b and c
    expect(origins(embeddingGathers(withBase, models)[0])).toEqual(["0:0", "0:1", "0:2", "1:2+2:1"]);
    const without = buildTokenizer(union(), models, undefined);
    expect(origins(embeddingGathers(without, models)[2])).toEqual(["2:0", "0:1", "0:2+1:0", "2:1"]);
  });

  it("are zeros, with a warning, for tokens that no merged model has", async () => {
    const models = [await model("a", wordLevel(["x"])), await model("b", wordLevel(["y", "x"]), { merged: false })];
    const request: TokenizerRequest = { source: { kind: "model", model: reference("b") }, tokens: {} };
    const merged = buildTokenizer(request, models, reference("a"));
    expect(origins(embeddingGathers(merged, models)[0])).toEqual(["", "0:0"]);
    expect(embeddingGathers(merged, models)[1]).toBeUndefined();
    expect(merged.warnings).toEqual(['no merged model has an embedding for "y": the rows are zeros']);
  });

  it("of ids without a name stay where they are", async () => {
    const json = { ...wordLevel(["x"]), added_tokens: [addedToken(3, "<s>")] };
    const models = [await model("a", json), await model("b", json), await model("c", wordLevel(["<s>", "x"]))];
    const merged = buildTokenizer(union(), models, reference("a"));
    expect(merged.tokens).toEqual(["x", undefined, undefined, "<s>"]);
    expect(origins(embeddingGathers(merged, models)[1])).toEqual(["1:0", "1:1", "1:2", "1:3"]);
    expect(origins(embeddingGathers(merged, models)[2])).toEqual(["2:1", "0:1", "0:2", "2:0"]);
  });

  it("beyond the tokenizer are left out, and tokens beyond the rows count as absent", async () => {
    const models = [
      await model("a", wordLevel(["x", "y"]), { embeddingRows: 9 }),
      await model("b", wordLevel(["x", "z"], ["<s>"]), { embeddingRows: 1 }),
    ];
    expect(buildTokenizer(union(), models, reference("a"))).toMatchObject({ tokens: ["x", "y"], vocabularySize: 2 });
    const cut = buildTokenizer({ source: { kind: "base" }, tokens: {} }, models, reference("b"));
    expect(cut.tokens).toEqual(["x"]);
    expect(cut.warnings).toEqual([
      expect.stringMatching(/^b: tokens without an embedding are left out .*\(2, from id 1\)/),
    ]);
    expect(JSON.parse(cut.changed.get("tokenizer.json") ?? "")).toMatchObject({
      added_tokens: [],
      model: { vocab: { x: 0 } },
    });
  });

  it("follow the recipe's tokens: only where a model lacks the token, or everywhere with force", async () => {
    const models = [await model("a", wordLevel(["x", "y"])), await model("b", wordLevel(["y", "z"]))];
    const gathersOf = (tokens: TokenizerRequest["tokens"]) =>
      embeddingGathers(buildTokenizer(union(tokens), models, reference("a")), models).map(origins);
    const zero = { kind: "zero" } as const;
    expect(gathersOf({ z: { source: zero, force: false } })).toEqual([
      ["0:0", "0:1", ""],
      ["0:0", "1:0", "1:1"],
    ]);
    expect(gathersOf({ y: { source: zero, force: true } })[1]).toEqual(["0:0", "", "1:1"]);
    const b = { kind: "model", model: reference("b") } as const;
    expect(gathersOf({ y: { source: b, force: true } })[0]).toEqual(["0:0", "1:0", "1:1"]);
    const other = { kind: "model_token", model: reference("b"), token: "z" } as const;
    expect(gathersOf({ "<new>": { source: other, force: false } })[0]).toEqual(["0:0", "0:1", "1:1", "1:1"]);
    const byId = { kind: "model_token", model: reference("a"), tokenId: 0 } as const;
    expect(gathersOf({ "<new>": { source: byId, force: false } })[1]).toEqual(["0:0", "1:0", "1:1", "0:0"]);
  });

  it("cannot come from a token id beyond the model's rows", async () => {
    const models = [await model("a", wordLevel(["x", "y"]), { embeddingRows: 2 })];
    const source = { kind: "model_token", model: reference("a"), tokenId: 2 } as const;
    const error = await failureOf(() => buildTokenizer(union({ x: { source, force: true } }), models, reference("a")));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toMatch(/token id 2 is not in a/);
  });
});
