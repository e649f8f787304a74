import { openModel } from "../../../dist/index.js";
const { source, lambdas, fidelity, threads, precision, decode } = JSON.parse(process.argv[2]);
const model = await openModel(source, { engine: "native", threads, precision, lambdas, fidelity });
const prompt = Array.from({ length: 16 }, (_, i) => 5 + 7 * i);
async function run(maxNewTokens) {
  const started = process.cpuUsage(), w = performance.now();
  for await (const _ of model.generate([prompt], { maxNewTokens, ignoreEos: true, batch: lambdas?.length ?? 1 }));
  return [process.cpuUsage(started).user/1000, performance.now()-w];
}
await run(1);
const a = await run(1), b = await run(1 + decode);
await model.close();
console.log("cpu ms/step", ((b[0] - a[0]) / decode).toFixed(0), "wall", ((b[1]-a[1])/decode).toFixed(0));
