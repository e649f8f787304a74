// Makes what no experiment has as a method: layers that stay aligned, and what a search found, as adapters that the experiments
// variants/NAME.yml merge on. Run it where experiment.yml, model, adapters and searched are: node variants.mjs

import { readFileSync, writeFileSync } from "node:fs";
import { ofPlain, searchVariants, writeOnLox, writeVariants } from "./variantsOn.mjs";

const seeds = [42, 1024, 48763, 1, 2, 3, 4, 5, 6];
const swap = [0.4, 0.6, 0.8];

/** Coefficients by parts of tensors' names; all else is as tuned. */
const variants = {
  swap_attention: { lambda: swap, weight: [{ filter: ".self_attn.", value: 0 }, { value: 1 }] },
  swap_mlp: { lambda: swap, weight: [{ filter: ".mlp.", value: 0 }, { value: 1 }] },
  swap_first_layer: { lambda: swap, weight: [{ filter: "layers.0.", value: 0 }, { value: 1 }] },
  // what the searches of docs/studies/search-demo found, on other data
  swap_last_attention: { lambda: swap, weight: [{ filter: "layers.3.self_attn.", value: 0 }, { value: 1 }] },
  swap_last_layer: { lambda: swap, weight: [{ filter: "layers.3.", value: 0 }, { value: 1 }] },
  ...searchVariants([0.6, 0.8, 0.9]),
};

const experiment = readFileSync("experiment.yml", "utf8");
await writeVariants(variants, seeds, experiment);
// other aligned models, each with the tunings that began there
writeOnLox("lox_k6_c1.25", "lox-1.25", [0.3, 0.4, 0.5, 0.6, 0.8], experiment);
writeOnLox("lox_k6_c0.3", "lox-0.3", [0.4, 0.5, 0.6], experiment);
writeFileSync("plain.yml", ofPlain(experiment));
const controls = `controls:
  - { control: random, lambda: [0.4, 0.8] }
  - { control: shuffled_layers, lambda: [0.4, 0.8] }
  - { control: lower_rank, values: [1, 2, 3, 4, 6] }
`;
writeFileSync("controls.yml", ofPlain(experiment, [0.4, 0.5]).replace("safety:\n", `${controls}safety:\n`));
