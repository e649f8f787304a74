import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Conversation } from "../../../lib/cli/chat/conversation.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-chat-"));
afterAll(() => rmSync(folder, { recursive: true }));

function talk(): Conversation {
  const conversation = new Conversation({}, "be kind");
  conversation.ask("one");
  conversation.answered("1");
  conversation.ask("two");
  conversation.answered("2");
  return conversation;
}

const texts = ({ messages }: Conversation) => messages.map(({ content }) => content);

describe("a conversation", () => {
  it("keeps its messages behind the system message", () => {
    expect(talk().messages).toEqual([
      { role: "system", content: "be kind" },
      { role: "user", content: "one" },
      { role: "assistant", content: "1" },
      { role: "user", content: "two" },
      { role: "assistant", content: "2" },
    ]);
  });

  it("begins anew, takes back, and answers again with other draws", async () => {
    const conversation = talk();
    const { seed } = conversation.options;
    expect(await conversation.run("retry")).toEqual({ answer: true });
    expect(texts(conversation)).toEqual(["be kind", "one", "1", "two"]);
    conversation.answered("2b");
    expect(conversation.options.seed).not.toBe(seed);
    await conversation.run("undo");
    expect(texts(conversation)).toEqual(["be kind", "one", "1"]);
    await conversation.run("reset");
    expect(texts(conversation)).toEqual(["be kind"]);
    expect(await conversation.run("retry")).toEqual({ say: "There is nothing to answer." });
    await conversation.run("system -");
    expect(texts(conversation)).toEqual([]);
    expect(await conversation.run("exit")).toEqual({ leave: true });
  });

  it("forgets a message that could not be answered", () => {
    const conversation = talk();
    conversation.ask("three");
    conversation.withdraw();
    conversation.withdraw();
    expect(texts(conversation)).toHaveLength(5);
  });

  it("changes settings, and says what is wrong with others", async () => {
    const conversation = new Conversation({ temperature: 0.5 }, undefined);
    await conversation.run("set temperature 0.9");
    await conversation.run("set max-new-tokens 12");
    expect(conversation.options).toMatchObject({ temperature: 0.9, maxNewTokens: 12 });
    await expect(conversation.run("set top-p 1.5")).rejects.toMatchObject({ code: "USAGE" });
    await expect(conversation.run("set colour red")).rejects.toMatchObject({ code: "USAGE" });
    await expect(conversation.run("frobnicate")).rejects.toMatchObject({ code: "USAGE" });
  });

  it("is saved, loaded, and not written over other files", async () => {
    const file = join(folder, "talk.json");
    const conversation = talk();
    await conversation.run(`save ${file}`);
    conversation.ask("three");
    conversation.answered("3");
    await conversation.run(`save ${file}`);
    const other = new Conversation({}, undefined);
    await other.run(`load ${file}`);
    expect(other.messages).toEqual(conversation.messages);
    await expect(other.run(`save ${file}`)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(JSON.parse(readFileSync(file, "utf8")).messages).toHaveLength(7);
    expect(existsSync(`${file}.new`)).toBe(false);
    const broken = join(folder, "broken.json");
    writeFileSync(broken, '{"messages": [{"role": 1}]}');
    await expect(other.run(`load ${broken}`)).rejects.toMatchObject({ code: "BAD_INPUT", file: broken });
    await expect(other.run("save")).rejects.toMatchObject({ code: "USAGE" });
  });
});
