// Which models a server has: the one that is open, or each lambda of a virtual merge, as `name@lambda=0.6`.

import type { EngineFacts } from "../generate/types.js";
import { ApiError } from "./apiError.js";

export interface ServedModel {
  readonly id: string;
  readonly lambda: number | undefined;
}

/** Lambdas that are written differently (0.3, .30, 0.1 + 0.2) and are the same. */
const SAME_LAMBDA = 1e-9;

export class ServedModels {
  readonly #name: string;
  /** In the order of the lambdas. */
  readonly list: readonly ServedModel[];

  constructor(name: string, { lambdas = [] }: Pick<EngineFacts, "lambdas">) {
    this.#name = name;
    this.list =
      lambdas.length === 0
        ? [{ id: name, lambda: undefined }]
        : lambdas.map((lambda) => ({ id: `${name}@lambda=${lambda}`, lambda }));
  }

  /**
   * The model that a request names. Without a lambda, or without a name, it is the only one there is.
   * @throws ApiError 404 that lists the models there are.
   */
  find(asked: string | undefined): ServedModel {
    const [only] = this.list;
    if (asked === undefined || asked === this.#name) {
      if (only !== undefined && this.list.length === 1) return only;
      throw this.#unknown(asked === undefined ? "the request names no model" : `${asked} is served at several lambdas`);
    }
    const [, name, text] = /^(.*)@lambda=([^@]*)$/s.exec(asked) ?? [];
    if (name !== this.#name || text === undefined) throw this.#unknown(`there is no model ${quoted(asked)}`);
    if (only?.lambda === undefined) throw this.#unknown(`${this.#name} has no lambda: it is not a virtual merge`);
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const found = this.list.find(({ lambda }) => Math.abs((lambda as number) - value) <= SAME_LAMBDA);
    if (found === undefined) throw this.#unknown(`${this.#name} is not served at lambda ${quoted(text)}`);
    return found;
  }

  #unknown(why: string): ApiError {
    const all = this.list.map(({ id }) => id).join(", ");
    return new ApiError(404, `${why}; there is: ${all}`, { param: "model", code: "model_not_found" });
  }
}

/** A stranger's text, short and on one line. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
