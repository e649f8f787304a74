// Conversations whose last message is continued: the text that transformers makes of them (test/golden/templates).

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { idsOf } from "../../../lib/generate/loop/preparePrompts.js";
import { ChatTemplate } from "../../../lib/tokenizer/chat/chatTemplate.js";
import { renderBeginning } from "../../../lib/tokenizer/chat/renderBeginning.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";

interface Continued {
  readonly name: string;
  readonly template: string;
  readonly opener: string;
  /** null where transformers refuses. */
  readonly text: string | null;
}

const cases = JSON.parse(
  readFileSync(new URL("../../golden/templates/continued.json", import.meta.url), "utf8"),
) as Continued[];

describe("a conversation whose last message is continued", () => {
  it("is written as transformers writes it, or refused where it refuses", () => {
    const rendered = cases.map(({ template, opener, text: _, ...rest }) => {
      const messages = [
        { role: "user", content: " Sing. " },
        { role: "assistant", content: opener },
      ];
      try {
        const text = renderBeginning(new ChatTemplate(template, "chat_template.jinja", {}), messages, "file");
        return { ...rest, template, opener, text };
      } catch (error) {
        if (!(error instanceof RetemperError) || error.code !== "BAD_INPUT") throw error;
        return { ...rest, template, opener, text: null };
      }
    });
    expect(rendered).toEqual(cases);
    expect(cases.filter(({ text }) => text === null).length).toBeGreaterThan(10);
    expect(cases.filter(({ text }) => text !== null).length).toBeGreaterThan(40);
  });

  it("is refused where a template writes the message twice: where it is gone on with cannot be said", () => {
    const twice = "{% for m in messages %}{{ m.content }}|{% endfor %}{{ messages[-1].content }}";
    const messages = [{ role: "assistant", content: "Sure" }];
    const template = new ChatTemplate(twice, "chat_template.jinja", {});
    expect(template.render(messages, false)).toBe("Sure|Sure");
    expect(() => renderBeginning(template, messages, "file")).toThrow(/once and as it is/);
  });

  it("is what a prompt becomes whose last message, the assistant's, has prefix", async () => {
    const tokenizer = await openTokenizer("demo/model");
    const question = { role: "user", content: "Sing" };
    const opener = { role: "assistant", content: "Sure, here", prefix: true };
    const text = tokenizer.decode(idsOf([question, opener], "prompt 0", tokenizer));
    expect(text).toBe("<|im_start|>user\nSing<|im_end|>\n<|im_start|>assistant\nSure, here");
    expect(tokenizer.applyChatTemplate([question, opener], { continueFinalMessage: true })).toBe(text);
    const closed = tokenizer.decode(idsOf([question, { ...opener, prefix: false }], "prompt 0", tokenizer));
    expect(closed).toBe(`${text}<|im_end|>\n<|im_start|>assistant\n`);
    for (const messages of [
      [opener, question],
      [question, { ...question, prefix: true }],
    ]) {
      expect(() => idsOf(messages, "prompt 3", tokenizer)).toThrow(/^prompt 3 has a message with prefix that is not/);
    }
    const both = { addGenerationPrompt: true, continueFinalMessage: true };
    expect(() => tokenizer.applyChatTemplate([question, opener], both)).toThrow(/cannot both/);
  });
});
