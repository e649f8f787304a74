// One process of the benchmark of experiments. Argument: a JSON of settings; prints what it took as JSON, without the start of
// the process itself. Ways: "together" evaluates all lambdas of a virtual merge in one pass; "one" does so with
// one lambda; "written" evaluates a checkpoint.

import { evaluate, evaluateLambdas, openModel } from "../../../dist/index.js";

const { way, source, lambdas, suite, limit, maxNewTokens, threads, precision, out } = JSON.parse(process.argv[2]);
const before = process.cpuUsage();
const started = performance.now();
const unwritten = way === "written" ? {} : { lambdas, fidelity: "linear" };
const model = await openModel(source, { engine: "native", threads, precision, ...unwritten });
const opened = performance.now();
const options = { limit, decoding: { maxNewTokens }, out };
const results =
  way === "together" ? await evaluateLambdas(model, suite, lambdas, options) : [await evaluate(model, suite, options)];
const ended = performance.now();
await model.close();
const { user, system } = process.cpuUsage(before);
const answers = results.flatMap(({ tasks }) => tasks.flatMap(({ items }) => items.flatMap(({ answers: of }) => of)));
console.log(
  JSON.stringify({
    seconds: (ended - started) / 1000,
    opening: (opened - started) / 1000,
    cpu: (user + system) / 1e6,
    tokens: answers.reduce((sum, answer) => sum + (answer?.tokens ?? 0), 0),
  }),
);
