// The most probable tokens in each place, as a server tells them, and judges that read them there. The models run in threads of
// the compiled package: npm run build.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEndpoint } from "../../../lib/endpoint/openEndpoint.js";
import { probabilityJudge } from "../../../lib/evaluate/judges/probabilityJudge.js";
import type { JudgeValues } from "../../../lib/evaluate/types.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, NextLogprobs, Prompt, TokenName } from "../../../lib/generate/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { answers, clientOf, served } from "./servers.js";

const folder = join(import.meta.dirname, "../../golden/judges/models/llamaguard3");
const PROMPT = "The key turns in the bolted chest.";
let model: Model;
let server: ModelServer;
/** The 20 most probable tokens after the prompt, by the text that each adds. */
let likely: { readonly id: number; readonly text: string; readonly logprob: number }[];

/** What each token adds in the middle of a text. */
function addedText({ tokenizer }: Model, id: number): string {
  const before = tokenizer.encode("a", { addSpecialTokens: false });
  return tokenizer.decode([...before, id]).slice(tokenizer.decode(before).length);
}

/** Whether none of the other texts is the same, or begins so, where spaces do not count. */
function isApart(text: string, at: number, texts: readonly string[]): boolean {
  return texts.every((other, place) => place === at || !other.trim().startsWith(text.trim()));
}

async function next(
  of: Pick<Model, "nextLogprobs">,
  prompts: readonly Prompt[],
  tokens: readonly (readonly TokenName[])[],
) {
  const found: NextLogprobs[] = [];
  for await (const one of of.nextLogprobs(prompts, tokens)) found[one.index] = one;
  return found.map(({ logprobs }) => [...logprobs]);
}

beforeAll(async () => {
  model = await openModel(folder, { engine: "native" });
  afterAll(() => model.close());
  server = await served(model);
  const all: NextLogprobs[] = [];
  for await (const one of model.nextLogprobs([PROMPT])) all.push(one);
  const { logprobs } = all[0] as NextLogprobs;
  likely = [...logprobs.keys()]
    .sort((a, b) => (logprobs[b] as number) - (logprobs[a] as number) || a - b)
    .slice(0, 20)
    .map((id) => ({ id, text: addedText(model, id), logprob: logprobs[id] as number }));
});

describe("the most probable tokens", () => {
  it("of generate are those of the distribution in each place, the most probable first, with the token's own number", async () => {
    const [answer] = await answers(model, [PROMPT], {
      ...{ maxNewTokens: 3, ignoreEos: true, logprobs: true, topLogprobs: 20 },
    });
    expect(answer?.topLogprobs).toHaveLength(3);
    expect(answer?.topLogprobs?.[0]?.map(({ id }) => id)).toEqual(likely.map(({ id }) => id));
    for (const [at, { logprob }] of (answer?.topLogprobs?.[0] ?? []).entries()) {
      expect(logprob).toBeCloseTo(likely[at]?.logprob as number, 5);
    }
    // greedy: each new token is the most probable one
    expect(answer?.topLogprobs?.map(([first]) => first?.id)).toEqual(answer?.ids);
    expect(answer?.topLogprobs?.map(([first]) => first?.logprob)).toEqual(answer?.logprobs);
  });

  it("are refused without log-probabilities, above 100, and of a server for each place", async () => {
    const ask = (options: object) => answers(model, [PROMPT], options);
    await expect(ask({ topLogprobs: 2 })).rejects.toMatchObject({ code: "USAGE" });
    await expect(ask({ logprobs: true, topLogprobs: 101 })).rejects.toMatchObject({ code: "USAGE" });
    const endpoint = openEndpoint(`${server.url}/v1`, { model: "tiny" });
    const asked = endpoint.generate([PROMPT], { logprobs: true, topLogprobs: 2 })[Symbol.asyncIterator]();
    await expect(asked.next()).rejects.toMatchObject({ code: "USAGE", hint: expect.stringContaining("nextLogprobs") });
  });

  it("come in OpenAI's form: by text of completions, in lists of chats, whole and as streams", async () => {
    const client = clientOf(server);
    const asked = { model: "tiny", prompt: PROMPT, max_tokens: 2, temperature: 0, logprobs: 5 };
    const { choices } = await client.completions.create(asked);
    const top = choices[0]?.logprobs?.top_logprobs ?? [];
    expect(top).toHaveLength(2);
    const five = likely.slice(0, 5);
    expect(Object.keys(top[0] ?? {})).toEqual(expect.arrayContaining(five.map(({ text }) => text)));
    // parts of a character have one text: the most probable of them is told
    const first = new Map([...five].reverse().map(({ text, logprob }) => [text, logprob]));
    for (const [text, logprob] of first) expect(top[0]?.[text]).toBeCloseTo(logprob, 5);
    const messages = [{ role: "user" as const, content: "How do I open it?" }];
    const chat = { model: "tiny", messages, max_tokens: 4, temperature: 0, logprobs: true, top_logprobs: 3 };
    const content = (await client.chat.completions.create(chat)).choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ top_logprobs }) => top_logprobs.length)).toEqual(content.map(() => 3));
    for (const { token, logprob, top_logprobs } of content) expect(top_logprobs[0]).toMatchObject({ token, logprob });
    const streamed: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    expect(streamed).toEqual(content);
  });
});

describe("a server that is asked for probabilities of the next token", () => {
  it("tells an endpoint what the model itself tells, of a text and of a conversation", async () => {
    const endpoint = openEndpoint(`${server.url}/v1`, { model: "tiny" });
    const words = likely.map(({ text }) => text);
    const exact = words.filter((word, at) => word.trim() !== "" && isApart(word, at, words));
    expect(exact.length).toBeGreaterThan(10);
    const ids = exact.map((word) => likely.find(({ text }) => text === word)?.id as number);
    const [here] = await next(model, [PROMPT], [ids]);
    const [there] = await next(endpoint, [PROMPT], [exact]);
    for (const [at, logprob] of (here ?? []).entries()) expect(there?.[at]).toBeCloseTo(logprob, 5);
    const conversation: Prompt = [{ role: "user", content: "How do I open it?" }];
    const all: NextLogprobs[] = [];
    for await (const one of model.nextLogprobs([conversation])) all.push(one);
    const { logprobs } = all[0] as NextLogprobs;
    const best = logprobs.indexOf(logprobs.reduce((most, value) => Math.max(most, value)));
    const [chat] = await next(endpoint, [conversation], [[addedText(model, best)]]);
    expect(chat?.[0]).toBeCloseTo(logprobs[best] as number, 5);
  });

  it("makes a judge say of each answer what it says where the model is open here", async () => {
    // two words that stand among the likely ones after the prompt, so that a server tells both
    const answersOf = ["Turn the key.", "I cannot help with that.", "It stays shut."];
    const prompts = answersOf.map((text) => `${PROMPT} ${text}`);
    const words: string[][] = [];
    for await (const { index, logprobs } of model.nextLogprobs(prompts)) {
      const most = [...logprobs.keys()].sort((a, b) => (logprobs[b] as number) - (logprobs[a] as number)).slice(0, 20);
      const texts = most.map((id) => addedText(model, id));
      words[index] = texts
        .filter((text, at) => text.trim() !== "" && !text.includes("\ufffd") && isApart(text, at, texts))
        .slice(0, 2);
    }
    for (const two of words) expect(two).toHaveLength(2);
    const exchanges = answersOf.map((text, at) => ({
      item: { id: String(at), prompt: PROMPT, request: PROMPT },
      answer: { text, tokens: 1 },
    }));
    const judged = async (of: Parameters<typeof probabilityJudge>[0]["model"]) => {
      const judge = probabilityJudge({
        ...{ name: "judge", model: of, facts: {} },
        ask: ({ item, answer }) => [
          { prompt: `${item.request} ${answer.text}`, words: words[answersOf.indexOf(answer.text)] ?? [] },
        ],
        read: ([[probability = 0] = []]) => ({
          values: { harmful: probability >= 0.5 ? "yes" : "no", refusal: null, harmfulProbability: probability },
        }),
      });
      const found: JudgeValues[] = [];
      for await (const { index, values } of judge.score(exchanges, {})) found[index] = values;
      return found;
    };
    const here = await judged(model);
    const there = await judged(openEndpoint(`${server.url}/v1`, { model: "tiny" }));
    expect(here).toHaveLength(3);
    for (const [at, { harmfulProbability, answered }] of here.entries()) {
      expect(there[at]?.harmfulProbability).toBeCloseTo(harmfulProbability as number, 5);
      expect(there[at]?.answered).toBeCloseTo(answered as number, 5);
    }
  });
});
