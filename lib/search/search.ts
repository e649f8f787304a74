// A search from beginning to end: candidates on the first set, finalists on the second, choices on the third.

import { join } from "node:path";
import { skillFacts } from "../experiment/checks/skillFacts.js";
import type { Experiment } from "../experiment/settings/schema.js";
import { makeFolder } from "../files/makeFolder.js";
import { writeWhole } from "../files/writeWhole.js";
import { textOf } from "../recipe/load.js";
import { completeRule } from "../select/rule.js";
import { tableGate } from "../select/tableGate.js";
import { confirmChoices } from "./confirmChoices.js";
import { choicesOf, finalistsOf, judgeFinalists } from "./finalists.js";
import { recipeAt } from "./groups.js";
import { itemsNote } from "./itemsNote.js";
import { measureEnds, type SETS } from "./measureEnds.js";
import { measureMerges } from "./measureMerges.js";
import { numbersOf } from "./numbersOf.js";
import { type SearchOptions, withSearch } from "./openSearch.js";
import { searchAll } from "./searchAll.js";
import { searchText } from "./searchText.js";
import { SEARCH_FORMAT, type SearchResults } from "./types.js";

/**
 * Looks for coefficients by groups of layers, aligned + c (tuned - aligned), with the best score among merges that are as safe as the
 * aligned model: CMA-ES and by gradient, beside as many points at random and the plain lambda. No merge is written: candidates are variants of one
 * virtual merge.
 *
 * What the experiment chooses by is halved: one half is searched by, the other chooses among the best of each way, and what the
 * experiment confirms by confirms. `out` gets search.json, search.md and recipes/, with a recipe for each choice and tuning that
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
    const { settings, checked, tuned, groups, out: place } = opened;
    const rule = completeRule(settings.select);
    const ends = await measureEnds(opened);
    const sets = bySet((set) => ({ items: ends[set].items.safety.length, rate: ends[set].aligned.asr.value }));
    // what takes derivatives takes long to load
    const { openGradient } = await import("./gradient/openGradient.js");
    const gradient = await openGradient(opened, ends.search, options.signal);
    const noGradient = typeof gradient === "string" ? gradient : undefined;
    const isOpen = typeof gradient !== "string";
    const ways = isOpen ? 4 : 3;
    const note = itemsNote(sets, rule, ways);
    if (note !== undefined) options.onNote?.(note);
    if (noGradient !== undefined) options.onNote?.(`Nothing is searched by gradient: ${noGradient}.`);
    const learning = { ways, gradient: isOpen ? gradient : undefined };
    const { candidates, costs } = await searchAll(opened, ends.search, rule, learning).finally(() =>
      learning.gradient?.close(),
    );
    const finalists = finalistsOf(candidates, { ...rule, most: opened.search.finalists });
    const parts = { aligned: settings.aligned, tuned, groups, measuring: opened.measuring, graph: opened.graph };
    const points = finalists.map(({ coefficients }) => coefficients);
    const second = await measureMerges(parts, points, ends.choose, "finalists on the choosing set");
    const skills = skillFacts(checked, "validation");
    const { better } = opened;
    const { aligned, tuned: fineTuned } = ends.choose;
    const judged = judgeFinalists(
      finalists.map((finalist, at) => ({
        finalist,
        measured: second.measured[at] as (typeof second.measured)[number],
      })),
      { better, aligned, tuned: fineTuned, ...(skills && { skills }) },
      rule,
      tableGate(rule, { skills }),
    );
    const chosen = choicesOf(judged, better);
    const confirmed = await confirmChoices(chosen, opened, ends, rule);
    const results: SearchResults = {
      format: SEARCH_FORMAT,
      name: settings.name,
      ...{ labels: opened.labels, better },
      rule: { margin: rule.margin, level: rule.level, minGain: rule.minGain },
      groups,
      seeds: tuned.map(({ seed }) => seed),
      items: bySet((set) => ({ safety: ends[set].items.safety.length, task: ends[set].items.task.length })),
      aligned: bySet((set) => endOf(ends[set].aligned)),
      tuned: bySet((set) => endOf(ends[set].tuned)),
      candidates: candidates.map(({ measured: _, worth: __, ...one }) => one),
      finalists: judged.map(({ finalist: { way, number, coefficients }, measured, reason }) => ({
        ...{ way, number, coefficients },
        choose: numbersOf(measured, ends.choose, rule, better),
        ...(reason !== undefined && { reason }),
      })),
      ...confirmed,
      costs,
      ...(noGradient !== undefined && { noGradient }),
    };
    await writeResults(results, place, { aligned: settings.aligned, tuned });
    return results;
  });
}

function bySet<T>(of: (set: (typeof SETS)[number]) => T): Record<(typeof SETS)[number], T> {
  return { search: of("search"), choose: of("choose"), confirm: of("confirm") };
}

function endOf<T extends Pick<SearchResults["aligned"]["search"], "score" | "asr">>({ score, asr }: T) {
  return { score, asr };
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
}
