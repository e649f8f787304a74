// Chooses the likeliest token; ties go to the lowest id.

import { RetemperError } from "../../errors.js";
import type { Settings } from "../settings.js";
import type { Sampler } from "./sequence.js";

export class GreedySampler implements Sampler {
  readonly #penalty: number;
  readonly #seen: Set<number>;

  /** @throws RetemperError USAGE where draws are asked for. */
  constructor(settings: Settings, prompt: Iterable<number>) {
    if (settings.temperature > 0) {
      throw new RetemperError("USAGE", "a temperature above 0 is not built in yet", { hint: "leave it at 0: greedy" });
    }
    this.#penalty = settings.repetitionPenalty;
    this.#seen = new Set(prompt);
  }

  next(logits: Float32Array): number {
    const penalised = new Map<number, number>();
    if (this.#penalty !== 1) {
      for (const id of this.#seen) {
        const logit = logits[id] as number;
        penalised.set(id, Math.fround(logit > 0 ? logit / this.#penalty : logit * this.#penalty));
      }
    }
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (let id = 0; id < logits.length; id++) {
      const logit = penalised.get(id) ?? (logits[id] as number);
      if (logit > most) {
        most = logit;
        best = id;
      }
    }
    this.#seen.add(best);
    return best;
  }
}
