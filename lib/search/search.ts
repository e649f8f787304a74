// A search from beginning to end: candidates on the first set, finalists on the second, choices on the third.

import { join } from "node:path";
import type { Experiment } from "../experiment/settings/schema.js";
import { makeFolder } from "../files/makeFolder.js";
import { writeWhole } from "../files/writeWhole.js";
import { textOf } from "../recipe/load.js";
import { searchText } from "../report/search/searchText.js";
import type { SearchResults } from "../report/search/types.js";
import { recipeAt } from "./groups.js";
import { type SearchOptions, withSearch } from "./openSearch.js";
import { searchStages } from "./searchStages.js";

/**
 * Looks for coefficients by groups of layers, aligned + c (tuned - aligned), with the best score among merges that are as safe as the
 * aligned model: CMA-ES and by gradient, beside as many points at random and the plain lambda. No merge is written: candidates are variants of one
 * virtual merge.
 *
 * What the experiment chooses by is halved: one half is searched by, the other chooses among the best of each way, and what the
 * experiment confirms by confirms. `out` gets search.json, search.md, search.html and recipes/, with a recipe for each choice and tuning that
 * `merge` writes. What was asked before is not asked again, so that a search which was stopped comes to the same result.
 * @param experiment as that of `run`, with the rule "constrained"; its `search` says what is searched and what may be spent
 * @throws RetemperError as `run` does, before anything long starts
 * @example
 * ```ts
 * import { type Experiment, search } from "retemper";
 *
 * const experiment: Experiment = {
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"], judges: [{ keyword: ["I can't help with that"] }] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 *   search: { layers: 4, candidates: 100 },
 *   select: { margin: 0.05 },
 * };
 * const { best, choices } = await search(experiment, "searched");
 * console.log(best, choices.map(({ way, optimism, recipes }) => [way, optimism.score, recipes[0]?.path]));
 * ```
 */
export async function search(
  experiment: string | Experiment,
  out: string,
  options: SearchOptions = {},
): Promise<SearchResults> {
  return withSearch(experiment, out, options, async (opened) => {
    const results = await searchStages(opened, options);
    const { settings, tuned, out: place } = opened;
    await writeResults(results, place, { aligned: settings.aligned, tuned });
    return results;
  });
}

/** Recipes first: what names them comes when they are there. */
async function writeResults(
  results: SearchResults,
  out: string,
  {
    aligned,
    tuned,
  }: { readonly aligned: string; readonly tuned: readonly { readonly seed: string; readonly model: string }[] },
): Promise<void> {
  await makeFolder(join(out, "recipes"));
  for (const { coefficients, recipes } of results.choices) {
    for (const { seed, path } of recipes) {
      const { model } = tuned.find((one) => one.seed === seed) as { readonly model: string };
      await writeWhole(
        join(out, path),
        textOf(recipeAt({ aligned, tuned: model }, results.groups, coefficients) as object),
      );
    }
  }
  await writeWhole(join(out, "search.json"), `${JSON.stringify(results, null, 1)}\n`);
  await writeWhole(join(out, "search.md"), searchText(results));
  // with what draws plots, which takes a while to load
  const { searchHtml } = await import("../report/search/searchHtml.js");
  await writeWhole(join(out, "search.html"), searchHtml(results));
}
