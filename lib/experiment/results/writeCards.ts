// Adds what a run measured to the cards of the merges that it wrote.

import { join } from "node:path";
import { addToCard } from "../../merge/addToCard.js";
import { cardSections, type Own } from "../../report/cardSections.js";
import type { ExperimentResults, Measured, WrittenModel } from "../../report/types.js";
import { candidateId } from "../../select/names.js";
import type { Quantity } from "../../select/types.js";
import { crossedInterval } from "../../statistics/crossedInterval.js";

/** @throws RetemperError IO, NO_SPACE */
export async function writeCards(out: string, results: ExperimentResults): Promise<void> {
  for (const output of results.outputs) {
    await addToCard(join(out, output.path), cardSections(results, output, ownOf(results, output)));
  }
  const shipped = results.outputs.find(({ path }) => path === results.shipped?.path);
  if (!shipped) return;
  for (const form of results.ship?.forms ?? []) {
    if (form.path === shipped.path) continue;
    await addToCard(join(out, form.path), cardSections(results, shipped, ownOf(results, shipped), form));
  }
}

/** Of one seed among several what the test says of it alone. */
function ownOf({ test }: ExperimentResults, { candidate, seed }: WrittenModel): Own | undefined {
  const method: Measured | undefined = test.chosen.find((one) => candidateId(one) === candidate);
  if (!method || seed === undefined) return undefined;
  const [score, asr] = [ofSeed(method.score, seed), ofSeed(method.asr, seed)];
  const overRefusal = method.overRefusal && ofSeed(method.overRefusal, seed);
  const skills = Object.entries(method.skills ?? {}).flatMap(([name, of]) => {
    const found = ofSeed(of, seed);
    return found ? [[name, found] as const] : [];
  });
  return (
    score &&
    asr && {
      ...{ score, asr },
      ...(overRefusal && { overRefusal }),
      ...(skills.length > 0 && { skills: Object.fromEntries(skills) }),
    }
  );
}

function ofSeed({ seeds = [], values, weights, groups }: Quantity, seed: string): Quantity | undefined {
  const at = seeds.findIndex((one) => one.seed === seed);
  const found = seeds[at];
  if (!found || seeds.length < 2) return undefined;
  const own = values?.[at];
  const { low, high } = (own && crossedInterval([own], { weights, groups, over: "these" })) ?? {};
  return { value: found.value, ...(low !== undefined && { low, high }), seeds: [found] };
}
