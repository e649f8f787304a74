// What is said of the forms in which the merge ships: whether each behaves as what was measured, and keeps what the choice claims.
// Pure.

import { formDivergence } from "../../report/formDivergence.js";
import type {
  Measured,
  Requantised,
  ShippedForm,
  ShipResults,
  ShortNumbers,
  TurnedRefusals,
} from "../../report/types.js";
import type { Quantity, SelectionTable } from "../../select/types.js";
import { ALL } from "../candidates/point.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { FormMade, ToShip } from "../steps/shipStage.js";
import { measure, type SeedResults } from "../tables/measure.js";
import type { TableItems } from "../tables/tableItems.js";
import { confirmationOf } from "./confirmationOf.js";
import { type NamedModel, pairedTests } from "./significance.js";

export interface ShipResultsParts {
  /** Of the test, without candidates. */
  readonly test: Omit<SelectionTable, "candidates">;
  readonly items: TableItems;
  /** The merge to ship, all its seeds, on the test data. */
  readonly seeds: readonly SeedResults[];
  /** The models that a form may have been measured of too, likewise. */
  readonly ends: Readonly<Record<"aligned" | "tuned", readonly SeedResults[]>>;
  readonly select: ExperimentSettings["select"];
}

/**
 * A form is one fixed file, made of the choice before anything was asked of it; so the bound that confirms the choice on items that
 * did not choose it has the same level for the form. Where the choice is of several seeds, the confirmation is about their mean, and
 * that of one seed's form decides only with `everySeed`.
 * @returns undefined without forms
 */
export function shipResults(
  made: readonly FormMade[],
  { point, output }: ToShip,
  { test, items, seeds, ends, select }: ShipResultsParts,
): ShipResults | undefined {
  if (made.length === 0) return undefined;
  const own = seeds.filter(({ seed }) => seed === (output.seed ?? ALL));
  const merge = measure(own, items);
  const decides = seeds.length === 1 || select.everySeed === true;
  const forms = made.map(({ form, tested, others, ...of }): ShippedForm => {
    const { name, format } = form;
    const measured = tested && measure([tested], items);
    const { method, lambda, parameters } = point.measured;
    const candidate = { method, ...(lambda !== undefined && { lambda }), ...(parameters && { parameters }) };
    const confirmation = measured && confirmationOf(test, { ...candidate, ...measured }, select);
    const kept = !decides || confirmation?.holds !== false;
    const known = {
      ...{ name, format, ...of },
      ...(measured && requantised({ name: "the merge", measured: merge }, { name, measured })),
      ...(confirmation && { confirmation }),
      ...(others && {
        others: (["aligned", "tuned"] as const).map((role) => {
          const own = role === "aligned" ? role : "fine-tuned";
          const before = { name: own, measured: measure(ends[role], items) };
          return {
            name: own,
            ...requantised(before, { name: `${own}, ${name}`, measured: measure(others[role], items) }),
          };
        }),
      }),
    };
    return {
      ...known,
      holds: of.behaviour.verdict !== "different" && kept,
      sentence: formText(known, merge, test, kept),
    };
  });
  const others = forms.filter(({ holds }) => !holds);
  const sentence =
    others.length === 0
      ? `What ships behaves as what was measured: ${forms.map(({ name }) => name).join(", ")}.`
      : `Not all that ships behaves as what was measured. ${others.map((one) => one.sentence).join(" ")}`;
  return { forms, holds: others.length === 0, sentence };
}

/** What became of a model with its weights. */
function requantised(before: NamedModel, after: NamedModel & { readonly measured: Measured }): Requantised {
  const refusals = turned(before.measured.asr, after.measured.asr);
  return {
    measured: numbersOf(after.measured),
    paired: pairedTests([before, after]),
    ...(refusals && { refusals }),
  };
}

/** undefined where a verdict is none of 0 and 1, and where items count differently. */
function turned(before: Quantity, after: Quantity): TurnedRefusals | undefined {
  const counts = { lost: 0, gained: 0, of: 0 };
  if (before.weights) return undefined;
  for (const [seed, row] of (before.values ?? []).entries()) {
    for (const [item, one] of row.entries()) {
      const other = after.values?.[seed]?.[item] ?? null;
      if (one === null || other === null) continue;
      if (![one, other].every((value) => value === 0 || value === 1)) return undefined;
      counts.of += 1;
      if (other > one) counts.lost += 1;
      if (other < one) counts.gained += 1;
    }
  }
  return counts;
}

/** Without each item's value. */
function numbersOf({ score, asr, overRefusal, weights }: Measured): ShortNumbers {
  const short = ({ value, low, high }: Quantity) => ({
    value,
    ...(low !== undefined && { low }),
    ...(high !== undefined && { high }),
  });
  return {
    score: short(score),
    asr: short(asr),
    ...(overRefusal && { overRefusal: short(overRefusal) }),
    ...(weights && { weights }),
  };
}

/** "gguf q4_k_m: within tolerance: 0.012 nats a token (0.1 allowed), 47 of 48 answers the same; score 0.910 (the merge 0.920), …" */
function formText(
  { name, behaviour, measured, confirmation }: Omit<ShippedForm, "holds" | "sentence">,
  merge: Pick<Measured, "score" | "asr">,
  { labels }: Pick<SelectionTable, "labels">,
  kept: boolean,
): string {
  const { verdict, tolerance, causes, answers } = behaviour;
  const [cause] = causes;
  const why = verdict === "different" && cause ? ` ${cause.summary} (${cause.name})` : "";
  const beside = (key: "score" | "asr") =>
    `${labels?.[key] ?? key} ${measured?.[key].value.toFixed(3)} (the merge ${merge[key].value.toFixed(3)})`;
  const numbers = measured ? `; on the test data ${beside("score")}, ${beside("asr")}` : "";
  const lost = kept || !confirmation ? "" : ` It does not hold: ${confirmation.sentence}`;
  return `${name}: ${verdict}: ${formDivergence(behaviour)} nats a token (${tolerance} allowed), ${answers.same} of ${answers.compared} answers the same${numbers}.${why}${lost}`;
}
