// The library in a few lines: check a recipe, merge with progress, stop on Ctrl-C, look at the result.
//   node examples/merge.mjs

import { inspect, merge, plan } from "retemper";

const recipe = {
  merge_method: "linear",
  models: [
    { model: "demo/model", parameters: { weight: 0.6 } },
    { model: "demo/model+demo/adapters/seed-42", parameters: { weight: 0.4 } },
  ],
};

const controller = new AbortController();
process.once("SIGINT", () => controller.abort(new Error("stopped")));

const planned = await plan(recipe);
console.log(`will write ${planned.tensors.length} tensors`);

const report = await merge(recipe, "demo-output/from-library", {
  signal: controller.signal,
  force: true,
  onProgress: ({ phase, done, total }) => console.log(`${phase} ${done} of ${total} bytes`),
});
console.log(report.files);

console.log(await inspect(report.out));
