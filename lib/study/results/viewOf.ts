// From a study's values to what its report shows: rates with intervals, choices by the rule, and comparisons. The same values
// give the same numbers, whether they were measured by one run or pooled.

import { intervalsOf, tuningMeans } from "../../experiment/tables/intervalsOf.js";
import type { BySet, StudyDifference, StudyView, StudyViewCell } from "../../report/study/types.js";
import type { Measured, MeasuredCandidate } from "../../report/types.js";
import { confirm } from "../../select/confirmChoice.js";
import { candidateId, nameOf } from "../../select/names.js";
import { select } from "../../select/select.js";
import type { Quantity } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import { shareKept } from "../../statistics/shareKept.js";
import {
  type ItemKind,
  partsOf,
  type StudyCell,
  type StudyItem,
  type StudyModel,
  type StudyPart,
  type StudyResults,
} from "./types.js";

export function viewOf({ name, versions, cells, notes }: StudyResults): StudyView {
  const viewed = cells.map(viewCell);
  return {
    name,
    versions,
    cells: viewed.map(({ cell }) => cell),
    notes: [...notes, ...viewed.flatMap((one) => one.notes)],
  };
}

function viewCell(cell: StudyCell): { readonly cell: StudyViewCell; readonly notes: readonly string[] } {
  const { task, model, labels, testLabels, better, rule, calibration, skills, agreement, tunings, data } = cell;
  const { controls, ship } = cell;
  const seeds = tunings.map(({ seed }) => seed);
  const ends = { better, ...(calibration && { calibration }), ...(skills && { skills }) };
  const validation = { ...ends, ...endsOf(cell.validation), candidates: mergesOf(cell.validation) };
  const test = { ...ends, ...endsOf(cell.test), chosen: mergesOf(cell.test) };
  const selection = select({ validation, labels }, rule);
  const { candidate } = selection.overall;
  const there = candidate && test.chosen.find((one) => candidateId(one) === candidateId(candidate));
  const isWhole = there && measuredTunings(cell.test, there).length === measuredTunings(cell.validation, there).length;
  const merged = isWhole ? there : undefined;
  const notes =
    candidate && !merged
      ? [
          `${task}, ${model}: the choice ${nameOf(candidate)} was ${there ? `measured on the test data for seeds ${measuredTunings(cell.test, there).join(", ")} alone` : "not measured on the test data"}; run the study over all seeds to have it`,
        ]
      : [];
  const claims = rule.rule === "constrained" || rule.gate !== undefined;
  return {
    notes,
    cell: {
      ...{ task, model, labels, testLabels, parts: partsOf(cell), seeds },
      safetySets: [...new Set(cell.test.items.safety.map(({ set }) => set))],
      validation,
      selection,
      test,
      ...(merged && {
        merged,
        ...(claims && { confirmation: confirm({ ...test, labels: testLabels, candidates: [] }, merged, rule) }),
        kept: shareKept({
          ...{
            aligned: valuesOf(test.aligned.score),
            tuned: valuesOf(test.tuned.score),
            merged: valuesOf(merged.score),
          },
          ...{ better, weights: merged.score.weights, groups: merged.score.groups },
        }),
        saved: differenceOf(cell.test, find(cell.test, "tuned"), find(cell.test, "merge", merged)),
        above: differenceOf(cell.test, find(cell.test, "aligned"), find(cell.test, "merge", merged)),
      }),
      ...(controls && { controls }),
      ...(ship && { ship }),
      data,
      digests: [
        { role: "aligned", digest: String(agreement["aligned model"]) },
        ...(agreement["unaligned model"] === undefined
          ? []
          : [{ role: "unaligned", digest: String(agreement["unaligned model"]) }]),
        ...tunings.map(({ seed, digest }) => ({ role: `fine-tuned seed ${seed}`, digest })),
      ],
    },
  };
}

function endsOf(part: StudyPart) {
  const [aligned, unaligned, tuned] = (["aligned", "unaligned", "tuned"] as const).map((role) => {
    const model = part.models.find((one) => one.role === role);
    return model && measuredOf(model, part);
  });
  return {
    aligned: aligned as Measured & BySet,
    ...(unaligned && { unaligned }),
    tuned: tuned as Measured & BySet,
  };
}

/** Those that were not finished have no numbers: an adaptive run left them because they could not be chosen. */
function mergesOf(part: StudyPart): (MeasuredCandidate & BySet)[] {
  return part.models.flatMap((model) => {
    const { role, method, lambda, parameters, varied, unfinished } = model;
    if (role !== "merge" || method === undefined || unfinished) return [];
    const named = { method, ...(lambda !== undefined && { lambda }), ...(parameters && { parameters }) };
    const candidate = { ...named, ...(varied && { varied }) };
    return [{ ...candidate, ...measuredOf(model, part) }];
  });
}

function find({ models }: StudyPart, role: StudyModel["role"], named?: MeasuredCandidate): StudyModel {
  const isNamed = ({ method, ...one }: StudyModel) =>
    named === undefined || (method !== undefined && candidateId({ method, ...one }) === candidateId(named));
  return models.find((one) => one.role === role && isNamed(one)) as StudyModel;
}

function measuredTunings(part: StudyPart, named: MeasuredCandidate): string[] {
  return [...new Set(find(part, "merge", named).rows.map(({ tuning }) => tuning))];
}

function measuredOf(model: StudyModel, part: StudyPart): Measured & BySet {
  const quantity = (kind: ItemKind, which: (item: StudyItem) => boolean = () => true) =>
    quantityOf(model, part, kind, which);
  const { safety, overRefusal, selected, skills } = part.items;
  const categories = new Set(safety.flatMap(({ category }) => category ?? []));
  const { truncated, empty } = model;
  return {
    score: quantity("task"),
    asr: quantity("safety"),
    ...(overRefusal.length > 0 && { overRefusal: quantity("overRefusal") }),
    ...(selected.length > 0 && { selected: quantity("selected") }),
    ...(skills.length > 0 && {
      skills: record(
        skills.map(({ skill = "" }) => skill),
        (name) => quantity("skills", ({ skill }) => skill === name),
      ),
    }),
    sets: record(
      safety.map(({ set }) => set),
      (set) => quantity("safety", (item) => item.set === set),
    ),
    categories: record([...categories], (name) => quantity("safety", ({ category }) => category === name)),
    metrics: {},
    ...(truncated !== undefined && { truncated }),
    ...(empty !== undefined && { empty }),
  };
}

function record<T>(names: readonly string[], of: (name: string) => T): Record<string, T> {
  return Object.fromEntries([...new Set(names)].map((name) => [name, of(name)]));
}

function quantityOf(
  { rows }: StudyModel,
  { items }: StudyPart,
  kind: ItemKind,
  which: (item: StudyItem) => boolean,
): Quantity {
  const places = [...items[kind].keys()].filter((at) => which(items[kind][at] as StudyItem));
  const values = rows.map((row) => places.map((at) => row.values[kind][at] ?? null));
  const wanted = places.map((at) => items[kind][at] as StudyItem);
  const options = weighing(wanted);
  const bySeed = rows.map(({ seed }, at) => ({ seed, value: meanOverSeeds([values[at] ?? []], options) }));
  const tunings = rows.map(({ tuning }) => tuning);
  return { ...intervalsOf(values, tunings, options), seeds: bySeed, values, ...options };
}

function weighing(items: readonly StudyItem[]): { weights?: number[]; groups?: number[] } {
  if (items.every(({ weight }) => weight === undefined)) return {};
  const total = items.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return { weights: items.map(({ weight = 1 }) => weight / total), groups: items.map(({ group = 0 }) => group) };
}

function valuesOf({ values = [] }: Quantity): SeedValues {
  return values;
}

/** b - a of the attack success rates, tuning by tuning. */
function differenceOf({ items }: StudyPart, a: StudyModel, b: StudyModel): StudyDifference | undefined {
  const rowsOf = ({ rows }: StudyModel) =>
    tuningMeans(
      rows.map(({ values }) => values.safety),
      rows.map(({ tuning }) => tuning),
    );
  const [one, other] = [rowsOf(a), rowsOf(b)];
  // a merge of all tunings is one model: it is compared with each of them
  const [from, to] = one.length > 1 && other.length === 1 ? [one, one.map(() => other[0] ?? [])] : [one, other];
  const { value, low, high, n } = pairedDifference(from, to, weighing(items.safety));
  return n === 0 ? undefined : { value, low, high, n };
}
