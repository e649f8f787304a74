// Which examples stand before a question: lm-evaluation-harness's samplers, with its seed.

import { isDeepStrictEqual } from "node:util";
import { RetemperError } from "../../../errors.js";
import type { FewshotConfig } from "../files/taskConfig.js";
import type { Document } from "../functions/types.js";
import { PythonRandom } from "../python/pythonRandom.js";

/** Of lm-evaluation-harness, where nothing else is said. */
export const FEWSHOT_SEED = 1234;

/** Draws go on from question to question: the examples of one depend on those before it, as there. */
export class FewshotSampler {
  readonly #kind: FewshotConfig["sampler"];
  readonly #pool: readonly Document[];
  readonly #random: PythonRandom;

  constructor(kind: FewshotConfig["sampler"], pool: readonly Document[], seed: number = FEWSHOT_SEED) {
    this.#kind = kind;
    this.#pool = pool;
    this.#random = new PythonRandom(seed);
  }

  /**
   * @param asked the row that is asked, where it may itself be among the examples
   * @throws RetemperError BAD_INPUT where there are not so many
   */
  sample(count: number, asked: Document | undefined): readonly Document[] {
    if (count === 0) return [];
    const others = () => this.#pool.filter((one) => !isDeepStrictEqual(one, asked));
    if (this.#kind === "first_n") {
      const pool = asked === undefined ? this.#pool : others();
      this.#require(count, pool.length);
      return pool.slice(0, count);
    }
    this.#require(asked === undefined ? count : count + 1, this.#pool.length);
    if (asked === undefined) return this.#random.sample(this.#pool, count);
    // one more, for the case that the row itself is drawn; where a set has it twice, it is drawn again without it
    const drawn = this.#random.sample(this.#pool, count + 1).filter((one) => !isDeepStrictEqual(one, asked));
    return drawn.length >= count ? drawn.slice(0, count) : this.#random.sample(others(), count);
  }

  #require(count: number, there: number): void {
    if (count <= there) return;
    throw new RetemperError("BAD_INPUT", `there are ${there} rows to take ${count} examples from`, {
      hint: "give the split that has the examples, or ask with fewer: --fewshot",
    });
  }
}
