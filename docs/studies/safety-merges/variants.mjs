// Makes what no experiment has as a method: layers that stay aligned, and what a search found, as adapters that the experiments
// variants/NAME.yml merge on. Run it where experiment.yml, model, adapters and searched are: node variants.mjs

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { merge } from "retemper";

const seeds = [42, 1024, 48763, 1, 2, 3, 4, 5, 6];
const LAMBDAS = { swap: [0.4, 0.6, 0.8], search: [0.6, 0.8, 0.9] };

/** Coefficients by parts of tensors' names; all else is as tuned. */
const variants = {
  swap_attention: { lambda: LAMBDAS.swap, weight: [{ filter: ".self_attn.", value: 0 }, { value: 1 }] },
  swap_mlp: { lambda: LAMBDAS.swap, weight: [{ filter: ".mlp.", value: 0 }, { value: 1 }] },
  swap_first_layer: { lambda: LAMBDAS.swap, weight: [{ filter: "layers.0.", value: 0 }, { value: 1 }] },
  // what the searches of docs/studies/search-demo found, on other data
  swap_last_attention: { lambda: LAMBDAS.swap, weight: [{ filter: "layers.3.self_attn.", value: 0 }, { value: 1 }] },
  swap_last_layer: { lambda: LAMBDAS.swap, weight: [{ filter: "layers.3.", value: 0 }, { value: 1 }] },
};
if (existsSync("searched/search.json")) {
  const { groups, choices } = JSON.parse(readFileSync("searched/search.json", "utf8"));
  for (const { way, coefficients } of choices) {
    if (way === "lambda") continue;
    const weight = groups.flatMap(({ filters }, at) => filters.map((filter) => ({ filter, value: coefficients[at] })));
    variants[`search_${way}`] = { lambda: LAMBDAS.search, weight: [...weight, { value: 1 }] };
  }
}

const experiment = readFileSync("experiment.yml", "utf8");
for (const [name, { lambda, weight }] of Object.entries(variants)) {
  mkdirSync(`variants/${name}`, { recursive: true });
  for (const seed of seeds) {
    const out = `variants/${name}/seed-${seed}`;
    if (existsSync(out)) continue;
    const models = [{ model: `model+adapters/seed-${seed}`, parameters: { weight } }];
    await merge({ merge_method: "task_arithmetic", base_model: "model", models, dtype: "float32" }, out, {
      format: "adapter",
    });
  }
  writeFileSync(`${name}.yml`, ofPlain(experiment.replaceAll("adapter: adapters/", `adapter: variants/${name}/`), lambda));
}
// other aligned models, each with the tunings that began there
for (const [c, lambdas] of [
  ["1.25", [0.3, 0.4, 0.5, 0.6, 0.8]],
  ["0.3", [0.4, 0.5, 0.6]],
]) {
  const text = experiment
    .replace("aligned: model", `aligned: lox-${c}`)
    .replaceAll("adapter: adapters/", `adapter: lox-${c}-adapters/`);
  writeFileSync(`lox_k6_c${c}.yml`, ofPlain(text, lambdas));
}
writeFileSync("plain.yml", ofPlain(experiment, /linear, lambda: \[(.*?)\]/.exec(experiment)[1].split(", ")));
const controls = `controls:
  - { control: random, lambda: [0.4, 0.8] }
  - { control: shuffled_layers, lambda: [0.4, 0.8] }
  - { control: lower_rank, values: [1, 2, 3, 4, 6] }
`;
writeFileSync("controls.yml", ofPlain(experiment, [0.4, 0.5]).replace("safety:\n", `${controls}safety:\n`));

/** The experiment with linear merges alone. */
function ofPlain(text, lambda) {
  return text
    .replace(/^(unaligned|safeModel|besideLinear|controls): .*\n/gm, "")
    .replace(/^methods:\n( {2}- .*\n)+/m, `methods:\n  - { method: linear, lambda: [${lambda.join(", ")}] }\n`);
}
