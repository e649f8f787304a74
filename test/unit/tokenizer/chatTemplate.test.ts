import { describe, expect, it } from "vitest";
import { CHAT_TEMPLATES as RECIPE_NAMES } from "../../../lib/recipe/tokenizerRequest.js";
import { ChatTemplate } from "../../../lib/tokenizer/chat/chatTemplate.js";
import {
  chatTemplateFiles,
  chooseChatTemplate,
  readChatTemplate,
  TEMPLATE_LIMIT,
} from "../../../lib/tokenizer/chatTemplate.js";
import { CHAT_TEMPLATES } from "../../../lib/tokenizer/chatTemplates.js";
import { failureOf, folderWith } from "./fixtures.js";

const turns = [
  { role: "user", content: "Hello" },
  { role: "assistant", content: "Hi." },
  { role: "user", content: "Bye" },
];
const withSystem = [{ role: "system", content: "Be kind." }, ...turns];

function render(name: keyof typeof CHAT_TEMPLATES, messages: typeof turns, add_generation_prompt = true): string {
  const template = new ChatTemplate(CHAT_TEMPLATES[name], name, { bos_token: "<s>", eos_token: "</s>" });
  return template.render(messages, add_generation_prompt);
}

describe("chat templates by name", () => {
  it("are those that a recipe may name", () => {
    expect(Object.keys(CHAT_TEMPLATES).sort()).toEqual(RECIPE_NAMES.filter((name) => name !== "auto").sort());
  });

  it("write Alpaca's sections", () => {
    expect(render("alpaca", withSystem)).toBe(
      "Be kind.\n\n### Instruction:\nHello\n\n### Response:\nHi.</s>\n\n### Instruction:\nBye\n\n### Response:\n",
    );
  });

  it("write ChatML", () => {
    expect(render("chatml", withSystem)).toBe(
      "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n" +
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(render("chatml", turns.slice(0, 1), false)).toBe("<|im_start|>user\nHello<|im_end|>\n");
  });

  it("write EXAONE's turns, with an empty system turn where there is none", () => {
    expect(render("exaone", withSystem)).toBe(
      "[|system|]Be kind.[|endofturn|]\n[|user|]Hello\n[|assistant|]Hi.[|endofturn|]\n[|user|]Bye\n[|assistant|]",
    );
    expect(render("exaone", turns.slice(0, 2), false)).toBe(
      "[|system|][|endofturn|]\n[|user|]Hello\n[|assistant|]Hi.[|endofturn|]",
    );
  });

  it("write Llama 3's headers", () => {
    expect(render("llama3", withSystem.slice(0, 2))).toBe(
      "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>" +
        "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    );
  });

  it("write Mistral's instructions, the system text before the first", () => {
    expect(render("mistral", withSystem)).toBe("<s>[INST] Be kind.\n\nHello [/INST] Hi.</s>[INST] Bye [/INST]");
    expect(render("mistral", turns)).toBe("<s>[INST] Hello [/INST] Hi.</s>[INST] Bye [/INST]");
  });
});

describe("the choice of a chat template", () => {
  const folder = (template?: unknown) => folderWith({ "tokenizer_config.json": { chat_template: template } });

  it("is with auto the most common one, of equals the first", async () => {
    const [a, b, none] = [folder("{{ a }}"), folder("{{ b }}"), folder()];
    expect(await chooseChatTemplate("auto", [none, b, a, a])).toBe("{{ a }}");
    expect(await chooseChatTemplate("auto", [b, a])).toBe("{{ b }}");
    expect(await chooseChatTemplate("auto", [none])).toBeUndefined();
  });

  it("prefers a model's own file, and takes the default of named ones", async () => {
    const config = { chat_template: "{{ config }}" };
    expect(
      await readChatTemplate(folderWith({ "tokenizer_config.json": config, "chat_template.jinja": "{{ j }}" })),
    ).toBe("{{ j }}");
    const named = [
      { name: "tool_use", template: "{{ t }}" },
      { name: "default", template: "{{ d }}" },
    ];
    expect(await readChatTemplate(folder(named))).toBe("{{ d }}");
    expect(await readChatTemplate(folder(named.slice(0, 1)))).toBeUndefined();
  });

  it("is a literal text, which is not run", async () => {
    const endless = "{% for i in range(1000000000000) %}{{ i }}{% endfor %}";
    expect(await chooseChatTemplate(endless, [])).toBe(endless);
  });

  it.each(["lama3", "{{ short }}", "a text without any brace at all", "constructor"])("refuses %j", async (text) => {
    expect((await failureOf(() => chooseChatTemplate(text, []))).code).toBe("BAD_RECIPE");
  });

  it("refuses templates above the size limit, of recipes and of models", async () => {
    const large = `{{ x }}${"é".repeat(TEMPLATE_LIMIT / 2)}`;
    expect((await failureOf(() => chooseChatTemplate(large, []))).code).toBe("BAD_RECIPE");
    expect((await failureOf(() => readChatTemplate(folder(large)))).code).toBe("BAD_INPUT");
    const file = folderWith({ "chat_template.jinja": large });
    expect((await failureOf(() => readChatTemplate(file))).code).toBe("BAD_INPUT");
  });

  it.each([7, {}, [3], [null], [{ name: "default", template: 4 }]])("refuses a model's template %j", async (value) => {
    expect((await failureOf(() => readChatTemplate(folder(value)))).code).toBe("BAD_INPUT");
  });
});

describe("a chat template's place", () => {
  const text = "{{ a new template }}";

  it("is chat_template.jinja where the source has one", async () => {
    const folder = folderWith({ "chat_template.jinja": "{{ old }}" });
    expect([...(await chatTemplateFiles(text, folder, '{"a": 1}'))]).toEqual([["chat_template.jinja", text]]);
  });

  it("is the configuration otherwise, whose other bytes stay", async () => {
    const files = await chatTemplateFiles(text, folderWith({}), '{"a": 1.0, "chat_template": "{{ old }}"}\n');
    expect([...files]).toEqual([["tokenizer_config.json", `{"a": 1.0, "chat_template": ${JSON.stringify(text)}}\n`]]);
  });

  it("is both where both have one, so that they agree", async () => {
    const folder = folderWith({ "chat_template.jinja": "{{ old }}" });
    const files = await chatTemplateFiles(text, folder, '{"chat_template": "{{ old }}"}');
    expect([...files.keys()].sort()).toEqual(["chat_template.jinja", "tokenizer_config.json"]);
  });

  it("is a file of its own where there is no configuration", async () => {
    expect([...(await chatTemplateFiles(text, folderWith({}), undefined)).keys()]).toEqual(["chat_template.jinja"]);
  });

  it("is the default of named templates, whose others stay", async () => {
    const named = [{ name: "tool_use", template: "{{ t }}" }];
    const files = await chatTemplateFiles(text, folderWith({}), JSON.stringify({ chat_template: named }));
    expect(JSON.parse(files.get("tokenizer_config.json") ?? "").chat_template).toEqual([
      ...named,
      { name: "default", template: text },
    ]);
  });
});
