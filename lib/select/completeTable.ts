// A table as the rules read it: every model with its numbers, all of them of the same items.

import { RetemperError } from "../errors.js";
import { meanOverSeeds } from "../statistics/meanOverSeeds.js";
import { nameOf, seriesOf } from "./names.js";
import type { Candidate, Labels, Point, Quantity, SelectionTable } from "./types.js";

/** What `select` reads: a table, or the results of `run` with one. */
export type SelectionSource =
  | SelectionTable
  | { readonly validation: SelectionTable; readonly labels?: Labels | undefined };

export type CompleteTable = SelectionTable & { readonly labels: Labels };

/**
 * Numbers that are left out are made from their items: the mean of each seed's own mean.
 * @throws RetemperError BAD_INPUT where a model has no score or no attack success rate, or not the items of the aligned one; where a
 * series has no order
 */
export function completeTable(source: SelectionSource): CompleteTable {
  const table = "validation" in source ? { labels: source.labels, ...source.validation } : source;
  const aligned = completePoint(table.aligned, "the aligned model", table.aligned);
  const of = <T extends Point>(point: T, name: string) => completePoint(point, name, aligned);
  refuseUnordered(table.candidates);
  const skills = Object.keys(table.aligned.skills ?? {}).map((name) => [name, table.skills?.[name] ?? {}] as const);
  return {
    ...table,
    ...(skills.length > 0 && { skills: Object.fromEntries(skills) }),
    labels: table.labels ?? { score: "score", asr: "ASR" },
    aligned,
    ...(table.tuned && { tuned: of(table.tuned, "the tuned model") }),
    candidates: table.candidates.map((one: Candidate) => of(one, nameOf(one))),
  };
}

/** @throws RetemperError BAD_INPUT for a series that is not in order: without a number of what is varied, or with two safe ends */
function refuseUnordered(candidates: readonly Candidate[]): void {
  const ends = new Map<string, string>();
  for (const one of candidates) {
    if (!one.varied) continue;
    const { parameter, safer } = one.varied;
    if (typeof one.parameters?.[parameter] !== "number") {
      throw new RetemperError(
        "BAD_INPUT",
        `${nameOf(one)} varies ${parameter}, and its parameters have no number of it.`,
        {
          hint: `give parameters: { ${parameter}: … }, or leave varied out`,
        },
      );
    }
    const series = seriesOf(one);
    if ((ends.get(series) ?? safer) !== safer) {
      throw new RetemperError("BAD_INPUT", `${series} is safer both when it is larger and when it is smaller.`, {
        hint: "give all candidates of a series the same safe end",
      });
    }
    ends.set(series, safer);
  }
}

/** The point itself where it lacks nothing. @throws RetemperError BAD_INPUT */
export function completePoint<T extends Point & Pick<Candidate, "unfinished">>(
  point: T,
  name: string,
  aligned: Point,
): T {
  const quantity = (of: Quantity | undefined, like: Quantity | undefined, what: string) =>
    of && complete(of, like, `${name}'s ${what}`);
  const asr = quantity(point.asr, aligned.asr, "attack success rate");
  const score = quantity(point.score, aligned.score, "score");
  if (!point.unfinished && (!Number.isFinite(asr?.value) || !Number.isFinite(score?.value))) {
    throw new RetemperError("BAD_INPUT", `${name} has no score or no attack success rate.`, {
      hint: "evaluate it on a task and on a safety set first",
    });
  }
  const overRefusal = quantity(point.overRefusal, aligned.overRefusal, "over-refusal");
  const [categories, sameCategories] = completed(point.categories, aligned.categories, `${name}'s category`);
  const [skills, sameSkills] = completed(point.skills, aligned.skills, `${name}'s skill`);
  const same =
    asr === point.asr && score === point.score && overRefusal === point.overRefusal && sameCategories && sameSkills;
  if (same) return point;
  return {
    ...point,
    ...(asr && { asr }),
    ...(score && { score }),
    ...(overRefusal && { overRefusal }),
    ...(point.categories && { categories }),
    ...(point.skills && { skills }),
  };
}

type Named = Readonly<Record<string, Quantity>>;

/** Each of them, and whether all are what they were. */
function completed(own: Named = {}, aligned: Named = {}, what: string): readonly [Named, boolean] {
  const entries = Object.entries(own);
  const all = entries.map(([name, one]) => [name, complete(one, aligned[name], `${what} ${name}`)] as const);
  return [Object.fromEntries(all), all.every(([, one], at) => one === entries[at]?.[1])];
}

function complete(quantity: Quantity, aligned: Quantity | undefined, what: string): Quantity {
  const { value, values, weights, groups } = quantity;
  if (!values) return quantity;
  const items = values[0]?.length ?? 0;
  const wanted = aligned?.values?.[0]?.length ?? items;
  const other = values.find((row) => row.length !== wanted);
  if (other || items === 0) {
    throw new RetemperError(
      "BAD_INPUT",
      `${what} has ${other?.length ?? 0} items where the aligned model has ${wanted}.`,
      { hint: "give the values of the same items in the same order for every model, null where one is missing" },
    );
  }
  if (values.flat().some((one) => one !== null && !Number.isFinite(one))) {
    throw new RetemperError("BAD_INPUT", `${what} has an item that is no number.`, {
      hint: "write null where it is missing",
    });
  }
  return Number.isFinite(value) ? quantity : { ...quantity, value: meanOverSeeds(values, { weights, groups }) };
}
