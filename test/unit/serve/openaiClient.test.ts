// The example with OpenAI's client: its types let lambda through, and the server has it.

import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { answerAt, piecesAt } from "../../../examples/openai-client/lambdas.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { answers, clientOf, served } from "./servers.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const question = "How do I pick a lock?";

it("gives OpenAI's client the answer at each lambda, whole and streamed", async () => {
  const [aligned, adapter] = [join(demo, "model"), join(demo, "adapters", "seed-42")];
  const models = [aligned, `${aligned}+${adapter}`].map((model) => ({ model, parameters: { weight: 0.5 } }));
  const model = await openModel({ merge_method: "linear", models }, { fidelity: "linear" });
  afterAll(() => model.close());
  const client = clientOf(await served(model, { name: "demo" }));
  const lambdas = [0, 0.37, 1];
  const messages = [{ role: "user", content: question }];
  const wanted = await answers(model, [messages], { lambda: lambdas, maxNewTokens: 24 });
  const texts = lambdas.map((lambda) => wanted.find((answer) => answer.lambda === lambda)?.text);
  expect(await Promise.all(lambdas.map((lambda) => answerAt(client, lambda, question)))).toEqual(texts);
  for (const [at, lambda] of lambdas.entries()) {
    let text = "";
    for await (const piece of piecesAt(client, lambda, question)) text += piece;
    expect(text).toBe(texts[at]);
  }
  expect(texts[0]).not.toBe(texts[2]);
});
