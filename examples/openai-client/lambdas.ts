// OpenAI's client asks a virtual merge at lambdas of its own, whole and streamed. Its types know no `lambda`, so the request's type says
// that there is one; the client sends whatever fields a request has.

import type OpenAI from "openai";

/** Fields that `retemper serve` takes beside OpenAI's. The package has this type too: `RequestWeights` of "retemper/serve". */
interface Weights {
  readonly lambda?: number;
  readonly weights?: Readonly<Record<string, number>>;
}

/** The answer at a lambda. */
export async function answerAt(client: OpenAI, lambda: number, question: string): Promise<string> {
  const asked: OpenAI.ChatCompletionCreateParamsNonStreaming & Weights = {
    model: "demo",
    messages: [{ role: "user", content: question }],
    max_tokens: 24,
    temperature: 0,
    lambda,
  };
  const { choices } = await client.chat.completions.create(asked);
  return choices[0]?.message.content ?? "";
}

/** The same, piece by piece. */
export async function* piecesAt(client: OpenAI, lambda: number, question: string): AsyncGenerator<string> {
  const asked: OpenAI.ChatCompletionCreateParamsStreaming & Weights = {
    model: "demo",
    messages: [{ role: "user", content: question }],
    max_tokens: 24,
    temperature: 0,
    stream: true,
    lambda,
  };
  for await (const { choices } of await client.chat.completions.create(asked)) yield choices[0]?.delta.content ?? "";
}
