// What variants.mjs and smollm2-variants.mjs share: adapters that keep a part of a tuning's change, and experiments of linear merges alone.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { merge } from "retemper";

/** What `retemper search` chose, by each of its ways, as coefficients by parts of tensors' names. */
export function searchVariants(lambda) {
  if (!existsSync("searched/search.json")) return {};
  const { groups, choices } = JSON.parse(readFileSync("searched/search.json", "utf8"));
  const found = choices.filter(({ way }) => way !== "lambda");
  return Object.fromEntries(
    found.map(({ way, coefficients }) => {
      const weight = groups.flatMap(({ filters }, at) => filters.map((filter) => ({ filter, value: coefficients[at] })));
      return [`search_${way}`, { lambda, weight: [...weight, { value: 1 }] }];
    }),
  );
}

/** The variants as adapters, variants/NAME/seed-SEED, and of each the experiment NAME.yml, which merges on them. */
export async function writeVariants(variants, seeds, plain) {
  for (const [name, { lambda, weight }] of Object.entries(variants)) {
    mkdirSync(`variants/${name}`, { recursive: true });
    for (const seed of seeds) {
      const out = `variants/${name}/seed-${seed}`;
      if (existsSync(out)) continue;
      const models = [{ model: `model+adapters/seed-${seed}`, parameters: { weight } }];
      const recipe = { merge_method: "task_arithmetic", base_model: "model", models, dtype: "float32" };
      await merge(recipe, out, { format: "adapter" });
    }
    writeFileSync(`${name}.yml`, ofPlain(plain.replaceAll("adapter: adapters/", `adapter: variants/${name}/`), lambda));
  }
}

/** The experiment NAME.yml on another aligned model, with the tunings that began there. */
export function writeOnLox(name, lox, lambda, plain) {
  const text = plain.replace("aligned: model", `aligned: ${lox}`);
  writeFileSync(`${name}.yml`, ofPlain(text.replaceAll("adapter: adapters/", `adapter: ${lox}-adapters/`), lambda));
}

/** The experiment with linear merges alone, at these lambdas; without them at its own. */
export function ofPlain(text, lambda) {
  const lambdas = lambda ? lambda.join(", ") : /linear, lambda: \[(.*?)\]/.exec(text)[1];
  return text
    .replace(/^(unaligned|safeModel|besideLinear|controls): .*\n/gm, "")
    .replace(/^methods:\n( {2}- .*\n)+/m, `methods:\n  - { method: linear, lambda: [${lambdas}] }\n`);
}
