// What a search does, set by set, up to its results: done by a search, and looked at by a plan.

import { skillFacts } from "../experiment/checks/skillFacts.js";
import { SEARCH_FORMAT, type SearchResults } from "../report/search/types.js";
import { completeRule } from "../select/rule.js";
import { tableGate } from "../select/tableGate.js";
import { confirmChoices } from "./confirmChoices.js";
import { choicesOf, finalistsOf, judgeFinalists } from "./finalists.js";
import { itemsNote } from "./itemsNote.js";
import { measureEnds, type SETS } from "./measureEnds.js";
import { measureMerges } from "./measureMerges.js";
import { numbersOf } from "./numbersOf.js";
import type { OpenSearch, SearchOptions } from "./openSearch.js";
import { searchAll } from "./searchAll.js";

/** For people. */
export const FINALISTS = "finalists on the choosing set";

/** @throws whatever ends a step */
export async function searchStages(
  opened: OpenSearch,
  options: Pick<SearchOptions, "signal" | "onNote"> = {},
): Promise<SearchResults> {
  const { settings, checked, tuned, groups } = opened;
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
  const { candidates, costs } = await searchAll(opened, ends.search, rule, learning);
  const finalists = finalistsOf(candidates, { ...rule, most: opened.search.finalists });
  const parts = { aligned: settings.aligned, tuned, groups, measuring: opened.measuring, graph: opened.graph };
  const points = finalists.map(({ coefficients }) => coefficients);
  const second = await measureMerges(parts, points, ends.choose, FINALISTS);
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
  return {
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
}

function bySet<T>(of: (set: (typeof SETS)[number]) => T): Record<(typeof SETS)[number], T> {
  return { search: of("search"), choose: of("choose"), confirm: of("confirm") };
}

function endOf<T extends Pick<SearchResults["aligned"]["search"], "score" | "asr">>({ score, asr }: T) {
  return { score, asr };
}
