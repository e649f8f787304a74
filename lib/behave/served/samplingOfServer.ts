// A server's own sampling against what the model's generation_config.json says.

import type { Generation } from "../../generate/types.js";
import { samplingCause } from "../causes/endingCauses.js";
import type { Plan } from "../plan.js";
import type { LocalSide, ServerSide } from "../sides/side.js";
import type { Cause } from "../types.js";
import { drawsByDefault } from "./drawsByDefault.js";
import type { Letters } from "./letters.js";

export async function samplingOfServer(
  { generation }: LocalSide,
  server: ServerSide,
  heard: readonly (Generation | undefined)[],
  letters: Letters,
  plan: Plan,
): Promise<Cause[]> {
  const { sampling } = server.says;
  const told = Object.entries(sampling ?? {}).flatMap(([key, value]) => {
    const own = generation[key];
    const apart = typeof own === "number" && Math.abs(own - value) > 1e-6;
    return apart ? [`${key} is ${own} in ${letters.local} and ${value} on the server, as it tells`] : [];
  });
  if (told.length > 0) return [samplingCause("certain", told)];
  const wanted = greedyByFile(generation);
  if (wanted === undefined) return [];
  const { draws, evidence } = await drawsByDefault(server, heard, plan);
  if (draws === undefined || draws === !wanted) return [];
  const file = wanted
    ? `generation_config.json of ${letters.local} says not to draw (do_sample false, or temperature 0)`
    : `generation_config.json of ${letters.local} says to draw (do_sample true)`;
  return [samplingCause("certain", [`${letters.server}: ${evidence}`, file])];
}

/** Whether the file says that answers are greedy; undefined where it says neither. */
function greedyByFile({ do_sample, temperature }: LocalSide["generation"]): boolean | undefined {
  if (temperature === 0 || do_sample === false) return true;
  return do_sample === true ? false : undefined;
}
