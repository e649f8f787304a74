// One process of the benchmark of prompts: opens a model or a virtual merge and answers. Argument: a JSON of
// settings; prints a line of JSON: the answers' ids, by lambda and prompt.

import { openModel } from "../../../dist/index.js";
import { chatPrompts } from "./prompts.mjs";

const { source, lambdas, fidelity, threads, precision, count, maxNewTokens } = JSON.parse(process.argv[2]);
const model = await openModel(source, { engine: "native", threads, precision, lambdas, fidelity });
const answers = {};
for await (const { index, lambda, ids } of model.generate(chatPrompts(count), { maxNewTokens })) {
  answers[`${lambda ?? "-"} ${index}`] = ids;
}
await model.close();
console.log(JSON.stringify(answers));
