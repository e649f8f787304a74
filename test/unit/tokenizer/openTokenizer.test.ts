// Opening tokenizers: what the files beside tokenizer.json change, and what is refused.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import { failureOf, folderWith, wordLevel } from "./fixtures.js";

const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));

function parts(flavour: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(golden, flavour, "tokenizer.json"), "utf8")) as Record<string, unknown>;
}

const user = [{ role: "user", content: "Hi" }];
const say = "{{ bos_token }}{{ messages[0].content }}";

describe("a chat template", () => {
  const open = (files: Record<string, unknown>) =>
    openTokenizer(folderWith({ "tokenizer.json": parts("llama2"), ...files }));
  const render = async (files: Record<string, unknown>): Promise<string> => (await open(files)).applyChatTemplate(user);

  it("is that of tokenizer_config.json, with the tokens that it names", async () => {
    const config = {
      chat_template: `${say}{{ eos_token }}`,
      bos_token: "<s>",
      eos_token: { content: "</s>", lstrip: false },
    };
    expect(await render({ "tokenizer_config.json": config })).toBe("<s>Hi</s>");
  });

  it("of several is the one named default", async () => {
    const list = [
      { name: "tool_use", template: "tools" },
      { name: "default", template: say },
    ];
    expect(await render({ "tokenizer_config.json": { chat_template: list } })).toBe("Hi");
  });

  it("in a file of its own goes before that of the configuration", async () => {
    const files = { "tokenizer_config.json": { chat_template: "config" }, "chat_template.jinja": "jinja" };
    expect(await render(files)).toBe("jinja");
  });

  it("may be in chat_template.json where it is nowhere else", async () => {
    const json = { chat_template: "json" };
    expect(await render({ "chat_template.json": json })).toBe("json");
    expect(await render({ "chat_template.json": json, "tokenizer_config.json": { chat_template: "config" } })).toBe(
      "config",
    );
  });

  it("takes names from special_tokens_map.json too", async () => {
    const files = { "tokenizer_config.json": { chat_template: say }, "special_tokens_map.json": { bos_token: "<s>" } };
    expect(await render(files)).toBe("<s>Hi");
  });

  it("knows the generation prompt, and one date for all days", async () => {
    const template = "{{ add_generation_prompt }} {{ date_string }} {{ strftime_now('%d %b %Y %B %A %m/%y') }}";
    const tokenizer = await open({ "tokenizer_config.json": { chat_template: template } });
    const date = "26 Jul 2024 26 Jul 2024 July Friday 07/24";
    expect(tokenizer.applyChatTemplate(user)).toBe(`False ${date}`);
    expect(tokenizer.applyChatTemplate(user, { addGenerationPrompt: true })).toBe(`True ${date}`);
  });

  it("is missing where there is none", async () => {
    for (const files of [
      {},
      { "tokenizer_config.json": { chat_template: [{ name: "tool_use", template: "tools" }] } },
    ]) {
      const tokenizer = await open(files);
      expect(tokenizer.hasChatTemplate).toBe(false);
      expect(await failureOf(() => tokenizer.applyChatTemplate(user))).toMatchObject({
        code: "INCOMPATIBLE",
        hint: expect.stringContaining("prompts as text"),
      });
    }
  });

  it("that is broken leaves the tokenizer usable, and is named when it is rendered", async () => {
    const tokenizer = await open({ "chat_template.jinja": "{% for %}" });
    expect(tokenizer.hasChatTemplate).toBe(true);
    expect(tokenizer.encode("x")).not.toEqual([]);
    const error = await failureOf(() => tokenizer.applyChatTemplate(user));
    expect(error).toMatchObject({ code: "BAD_INPUT", file: expect.stringContaining("chat_template.jinja") });
  });

  it.each([[[]], [[{ role: "user" }]], ["Hi"], [[{ role: 1, content: "x" }]], [undefined]])(
    "refuses %j as a conversation",
    async (messages) => {
      const tokenizer = await open({ "chat_template.jinja": say });
      expect(await failureOf(() => tokenizer.applyChatTemplate(messages as never))).toMatchObject({ code: "USAGE" });
    },
  );
});

describe("a tokenizer", () => {
  it("says how many ids it has, and which are special", async () => {
    const tokenizer = await openTokenizer(join(golden, "llama3"));
    expect(tokenizer.vocabularySize).toBe(383);
    expect([...tokenizer.specialIds].sort()).toEqual([378, 379, 380, 381, 382]);
  });

  it("decodes ids without a token as nothing", async () => {
    const tokenizer = await openTokenizer(join(golden, "llama3"));
    const hello = tokenizer.encode("Hello", { addSpecialTokens: false });
    expect(tokenizer.decode([100_000, ...hello, -1, 1.5])).toBe("Hello");
    expect(tokenizer.decode([])).toBe("");
  });

  it("takes half a surrogate pair for U+FFFD", async () => {
    const tokenizer = await openTokenizer(join(golden, "llama3"));
    expect(tokenizer.encode("a\ud800b")).toEqual(tokenizer.encode("a\ufffdb"));
  });

  it("takes a path to a folder in any form", async () => {
    const tokenizer = await openTokenizer(`${golden}/./gpt2/`);
    expect(tokenizer.decode(tokenizer.encode("Hello"))).toBe("Hello");
  });

  it("fails for a text that its vocabulary cannot express only when it meets one", async () => {
    const spec = wordLevel(["known"]);
    const model = { ...(spec.model as object), unk_token: "<gone>" };
    const tokenizer = await openTokenizer(folderWith({ "tokenizer.json": { ...spec, model } }));
    expect(tokenizer.encode("known")).toEqual([0]);
    expect(await failureOf(() => tokenizer.encode("other"))).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining('"<gone>"'),
    });
  });
});

describe("opening a tokenizer", () => {
  const refused = async (files: Record<string, unknown>) => await failureOf(() => openTokenizer(folderWith(files)));

  it("says that there is no such folder, or no tokenizer in it", async () => {
    expect(await failureOf(() => openTokenizer("/no/such/folder"))).toMatchObject({
      file: expect.stringContaining("/no/such/folder"),
    });
    expect(await refused({ "config.json": {} })).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("has no tokenizer.json"),
      hint: expect.stringContaining("add the model's tokenizer.json"),
    });
  });

  it("says how to convert a SentencePiece model, and other old forms", async () => {
    for (const name of ["tokenizer.model", "spiece.model", "vocab.json"]) {
      expect(await refused({ [name]: "x", "tokenizer_config.json": {} })).toMatchObject({
        code: "BAD_INPUT",
        message: expect.stringContaining(`only ${name}`),
        hint: expect.stringContaining("save_pretrained"),
      });
    }
  });

  const llama = parts("llama2");
  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /not valid JSON/],
    ["a web page", "<!doctype html>", /JSON/],
    ["a list", [], /expected a JSON object/],
    ["no model", { version: "1.0" }, /model is missing/],
    ["a model of another kind", { model: { type: "Magic", vocab: {} } }, /model\.type is "Magic"/],
    [
      "a merge of tokens that do not exist",
      { model: { type: "BPE", vocab: { a: 0 }, merges: ["a b"] } },
      /needs the token "b", which is missing/,
    ],
    ["an unknown normalizer", { ...llama, normalizer: { type: "Nmt" } }, /normalizer "Nmt" is not known/],
    [
      "an unknown pre-tokenizer",
      { ...llama, pre_tokenizer: { type: "UnicodeScripts" } },
      /pre-tokenizer "UnicodeScripts" is not known/,
    ],
    ["an unknown decoder", { ...llama, decoder: { type: "CTC" } }, /decoder "CTC" is not known/],
    ["an unknown post-processor", { ...llama, post_processor: { type: "X" } }, /post-processor "X" is not known/],
    ["a pre-tokenizer that is no object", { ...llama, pre_tokenizer: "ByteLevel" }, /expected an object/],
    [
      "a split that is not known",
      { ...llama, pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Eaten" } },
      /split behavior "Eaten"/,
    ],
    [
      "a split without a pattern",
      { ...llama, pre_tokenizer: { type: "Split", behavior: "Isolated" } },
      /a pattern is missing/,
    ],
    [
      "a pattern that is none",
      { ...llama, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } },
      /pattern "\(" cannot be used/,
    ],
    [
      "a template without the text",
      { ...llama, post_processor: { type: "TemplateProcessing", single: [], special_tokens: {} } },
      /the text 0 times/,
    ],
    [
      "a template with a token that it does not explain",
      {
        ...llama,
        post_processor: {
          type: "TemplateProcessing",
          single: [{ SpecialToken: { id: "<s>" } }, { Sequence: { id: "A" } }],
          special_tokens: {},
        },
      },
      /special token "<s>" is missing/,
    ],
    [
      "a Metaspace without a character",
      { ...llama, pre_tokenizer: { type: "Metaspace", replacement: "" } },
      /expected one character/,
    ],
  ])("refuses %s", async (_, tokenizer, message) => {
    const error = await refused({ "tokenizer.json": tokenizer });
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      file: expect.stringContaining("tokenizer.json"),
      message: expect.stringMatching(message),
    });
  });

  it("refuses a configuration that is broken", async () => {
    const error = await refused({ "tokenizer.json": llama, "tokenizer_config.json": "{," });
    expect(error).toMatchObject({ code: "BAD_INPUT", file: expect.stringContaining("tokenizer_config.json") });
  });
});
