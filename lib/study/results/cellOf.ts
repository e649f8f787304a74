// From the results of one experiment to its cell of a study.

import { RetemperError } from "../../errors.js";
import type { ExperimentSettings } from "../../experiment/settings/schema.js";
import type { ExperimentResults, ItemNames, Measured, MeasuredCandidate } from "../../report/types.js";
import type { Quantity } from "../../select/types.js";
import { agreementOf } from "./agreementOf.js";
import { inOrder } from "./inOrder.js";
import {
  type ItemKind,
  KINDS,
  type StudyCell,
  type StudyItem,
  type StudyModel,
  type StudyPart,
  type StudyRow,
} from "./types.js";

/** Where a kind's values stand in what was measured. */
const QUANTITY: Readonly<Record<ItemKind, (model: Measured, names: ItemNames) => Quantity | undefined>> = {
  safety: ({ asr }) => asr,
  overRefusal: ({ overRefusal }) => overRefusal,
  task: ({ score }) => score,
  selected: ({ selected }) => selected,
  skills: skillsOf,
};

/** Of all skills one row of values after the other's, in the order of their items; each has its own weights. */
function skillsOf({ skills = {} }: Measured, { skills: names = [] }: ItemNames): Quantity | undefined {
  const all = Object.values(skills);
  const rows = Math.max(0, ...all.map(({ values = [] }) => values.length));
  const places = new Map<string, number>();
  const items = names.map(({ skill = "" }) => {
    const at = places.get(skill) ?? 0;
    places.set(skill, at + 1);
    return { of: skills[skill], at };
  });
  const weighted = all.some(({ weights }) => weights !== undefined);
  return {
    value: Number.NaN,
    values: Array.from({ length: rows }, (_, row) => items.map(({ of, at }) => of?.values?.[row]?.[at] ?? null)),
    ...(weighted && {
      weights: items.map(({ of, at }) => of?.weights?.[at] ?? 1 / (of?.values?.[0]?.length ?? 1)),
      groups: items.map(({ of, at }) => of?.groups?.[at] ?? 0),
    }),
  };
}

/** @throws RetemperError BAD_INPUT for results of an older version, which do not name their items */
export function cellOf(
  { task, model }: { readonly task: string; readonly model: string },
  settings: ExperimentSettings,
  results: ExperimentResults,
): StudyCell {
  const { items, labels, testLabels = labels, validation, test, provenance, parts } = results;
  if (!items) {
    throw new RetemperError("BAD_INPUT", `the results of ${task}, ${model} do not name their items`, {
      hint: "they are of an older version: run the study in a new folder",
    });
  }
  const { seeds } = provenance;
  const tuned = provenance.models.filter(({ role }) => role === "fine-tuned");
  const { calibration } = validation;
  const finished = validation.candidates.filter(({ unfinished }) => !unfinished);
  return inOrder({
    ...{ task, model, labels, testLabels },
    better: test.better ?? "high",
    agreement: agreementOf(settings, results),
    rule: results.selection.rule,
    ...(calibration && { calibration }),
    ...(validation.skills && { skills: validation.skills }),
    split: parts?.split ?? false,
    tunings: seeds.map((seed, at) => ({ seed, digest: tuned[at]?.digest ?? "" })),
    data: provenance.data,
    validation: partOf(items.validation, validation, finished, seeds),
    test: partOf(items.test, test, test.chosen, seeds),
    ...(results.controls && { controls: results.controls.comparisons }),
    ...(results.ship && {
      ship: results.ship.forms.map(({ name, path, holds, sentence }) => ({ name, path, holds, sentence })),
    }),
  });
}

function partOf(
  names: ItemNames,
  { aligned, unaligned, tuned }: Pick<ExperimentResults["test"], "aligned" | "unaligned" | "tuned">,
  merges: readonly MeasuredCandidate[],
  seeds: readonly string[],
): StudyPart {
  const items = Object.fromEntries(
    KINDS.map((kind) => {
      const { weights, groups } = QUANTITY[kind](aligned, names) ?? {};
      const named = (names[kind] ?? []).map(
        (name, at): StudyItem => ({
          ...name,
          ...(weights && { weight: weights[at] }),
          ...(groups && { group: groups[at] }),
        }),
      );
      return [kind, named];
    }),
  ) as Record<ItemKind, StudyItem[]>;
  const modelOf = (role: StudyModel["role"], measured: Measured): StudyModel => {
    const { truncated, empty } = measured;
    return {
      role,
      rows: rowsOf(measured, items, names),
      ...(truncated !== undefined && { truncated }),
      ...(empty !== undefined && { empty }),
    };
  };
  return {
    items,
    models: [
      modelOf("aligned", aligned),
      ...(unaligned ? [modelOf("unaligned", unaligned)] : []),
      modelOf("tuned", tuned),
      ...merges.map((one): StudyModel => {
        const { method, lambda, parameters, varied, unfinished } = one;
        const of = one.asr.seeds?.[0]?.seed === ALL ? { of: seeds } : {};
        return {
          ...modelOf("merge", one),
          method,
          ...(lambda !== undefined && { lambda }),
          ...(parameters && { parameters }),
          ...(varied && { varied }),
          ...(unfinished && { unfinished }),
          ...of,
        };
      }),
    ],
  };
}

/** The name of the one row of a model that is of no tuning by itself. */
const ALL = "all";

function rowsOf(measured: Measured, items: StudyPart["items"], all: ItemNames): StudyRow[] {
  const names = measured.asr.seeds ?? [];
  const found = KINDS.map((kind) => [kind, QUANTITY[kind](measured, all)?.values] as const);
  return names.map((one, at) => {
    const values = found.map(([kind, rows]) => [kind, rows?.[at] ?? items[kind].map(() => null)]);
    return { seed: one.seed, tuning: tuningOf(one), values: Object.fromEntries(values) };
  });
}

/** Masks of one tuning have its seed before the number of the mask. */
function tuningOf({ seed, tuning }: { readonly seed: string; readonly tuning?: string | undefined }): string {
  return tuning ?? seed;
}
