// Which models a server has: the one that is open, every lambda of a virtual merge, as `name@lambda=0.6`, and adapters that were
// loaded. A request may name its lambda, or weights for several models, in fields of its own.

import type { EngineFacts, ModelWeights } from "../generate/types.js";
import { ApiError } from "./apiError.js";
import type { LoadedAdapter, LoadedAdapters } from "./loadedAdapters.js";

/** Fields of requests that OpenAI's API does not have: at which weights a virtual merge is to answer. */
export interface RequestWeights {
  /** Any value of the recipe's range; it need not have been named when the model was opened. */
  readonly lambda?: number | null | undefined;
  /** In place of lambda, of a recipe that has a weight for each of several models: weights by the models' names. */
  readonly weights?: ModelWeights | null | undefined;
}

export interface ServedModel {
  readonly id: string;
  readonly lambda?: number | undefined;
  readonly weights?: ModelWeights | undefined;
  /** What metrics call it: one of the models that are listed, or the name alone, since requests can make ids without end. */
  readonly counted: string;
  /** Of an adapter: the model that it changes, and where it lies. */
  readonly parent?: string | undefined;
  readonly root?: string | undefined;
}

/** Lambdas that are written differently (0.3, .30, 0.1 + 0.2) and are the same. */
const SAME_LAMBDA = 1e-9;

/** Names of models that a message lists at most. */
const MOST_LISTED = 20;

type WeightFacts = Pick<EngineFacts, "lambdas" | "lambdaRange" | "weightNames">;

export class ServedModels {
  readonly #name: string;
  readonly #adapters: LoadedAdapters | undefined;
  readonly #lambdas: readonly number[];
  readonly #weightNames: readonly string[] | undefined;
  readonly #own: readonly ServedModel[];
  /** The values that lambda may have. */
  readonly range: readonly [number, number] | undefined;

  /** @param adapters of a model that was opened with adapters: its weights are those of the adapters that are loaded */
  constructor(name: string, facts: WeightFacts, adapters?: LoadedAdapters) {
    const { lambdas = [], lambdaRange, weightNames } = adapters ? {} : facts;
    this.#name = name;
    this.#adapters = adapters;
    this.#lambdas = lambdas;
    this.range = lambdaRange;
    this.#weightNames = weightNames;
    this.#own = lambdas.length === 0 ? [{ id: name, counted: name }] : lambdas.map((lambda) => this.#at(lambda));
  }

  /** Those that were named when the model was opened, in the order of the lambdas, and adapters. */
  get list(): readonly ServedModel[] {
    return [...this.#own, ...(this.#adapters?.list.map((adapter) => this.#adapted(adapter)) ?? [])];
  }

  /** What `weights` may name; undefined where it may not be given, as long as no adapter is loaded too. */
  get weightNames(): readonly string[] | undefined {
    const loaded = this.#adapters?.list.map(({ name }) => name) ?? [];
    return loaded.length > 0 ? loaded : this.#weightNames;
  }

  /**
   * The model that a request asks for, by its name and by its fields.
   * @throws ApiError 404 for a name that there is not, with those that there are; 400 for a lambda or weights that there are not,
   *   or that contradict the name
   */
  find(asked: string | undefined, { lambda, weights }: RequestWeights = {}): ServedModel {
    const adapter = asked === undefined ? undefined : this.#adapters?.find(asked);
    if (adapter) {
      const [field] = Object.entries({ lambda, weights }).flatMap(([name, value]) => (value == null ? [] : [name]));
      if (field !== undefined)
        throw wrong(field, `is for the model ${this.#name}; ${quoted(adapter.name)} is an adapter`);
      return this.#adapted(adapter);
    }
    const named = asked === undefined || asked === this.#name ? undefined : this.#named(asked);
    if (weights != null) return this.#weighted(weights, named !== undefined || lambda != null);
    if (lambda != null) return this.#field(lambda, named);
    if (named !== undefined) return named;
    const [only] = this.#own;
    if (only !== undefined && this.#own.length === 1) return only;
    throw this.#unknown(asked === undefined ? "the request names no model" : `${asked} is served at several lambdas`);
  }

  /** `name@lambda=0.6` */
  #named(asked: string): ServedModel {
    const [, name, text] = /^(.*)@lambda=([^@]*)$/s.exec(asked) ?? [];
    if (name !== this.#name || text === undefined) throw this.#unknown(`there is no model ${quoted(asked)}`);
    if (!this.#hasLambda) throw this.#unknown(`${this.#name} has no lambda: it is not a virtual merge`);
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!this.#takes(value)) throw this.#unknown(`${this.#name} is not served at lambda ${quoted(text)}`);
    return this.#at(value);
  }

  #field(lambda: number, named: ServedModel | undefined): ServedModel {
    if (!this.#hasLambda) throw wrong("lambda", `${this.#name} has none: it is not a virtual merge with one`);
    if (!this.#takes(lambda)) throw wrong("lambda", `must be ${this.#wanted}, not ${lambda}`);
    const found = this.#at(lambda);
    if (named !== undefined && named.lambda !== found.lambda) {
      throw wrong("lambda", `is ${lambda}, and the model that is asked for is ${named.id}`);
    }
    return found;
  }

  #weighted(weights: ModelWeights, hasLambda: boolean): ServedModel {
    const known = this.weightNames;
    if (known === undefined) throw wrong("weights", `${this.#name} has no weights that can be set`);
    if (hasLambda) throw wrong("weights", "are in place of a lambda, and the request has both");
    const names = Object.keys(weights);
    if (names.length === 0) throw wrong("weights", `name none; there is: ${known.join(", ")}`);
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw wrong("weights", `there is no ${quoted(unknown)}; there is: ${known.join(", ")}`);
    }
    const own = Object.entries(weights).map(
      ([name, weight]) => [this.#adapters?.find(name)?.weight ?? name, weight] as const,
    );
    return { id: this.#name, weights: sums(own), counted: this.#name };
  }

  #adapted({ name, weight, path }: LoadedAdapter): ServedModel {
    return { id: name, weights: { [weight]: 1 }, counted: weight, parent: this.#name, root: path };
  }

  get #hasLambda(): boolean {
    return this.range !== undefined || this.#lambdas.length > 0;
  }

  #takes(lambda: number): boolean {
    if (this.#listed(lambda) !== undefined) return true;
    return this.range !== undefined && lambda >= this.range[0] && lambda <= this.range[1];
  }

  get #wanted(): string {
    return this.range ? `from ${this.range[0]} to ${this.range[1]}` : `one of ${this.#lambdas.join(", ")}`;
  }

  #listed(lambda: number): number | undefined {
    return this.#lambdas.find((one) => Math.abs(one - lambda) <= SAME_LAMBDA);
  }

  #at(asked: number): ServedModel {
    const listed = this.#listed(asked);
    const lambda = listed ?? (asked === 0 ? 0 : asked); // -0 is 0
    const id = `${this.#name}@lambda=${lambda}`;
    return { id, lambda, counted: listed === undefined ? this.#name : id };
  }

  #unknown(why: string): ApiError {
    const ids = this.list.slice(0, MOST_LISTED).map(({ id }) => id);
    const more = this.list.length > MOST_LISTED ? `${this.list.length - MOST_LISTED} more` : undefined;
    const any = this.range && `${this.#name}@lambda= from ${this.range[0]} to ${this.range[1]}`;
    const all = [...ids, more, any].filter((one) => one !== undefined).join(", ");
    return new ApiError(404, `${why}; there is: ${all}`, { param: "model", code: "model_not_found" });
  }
}

/** Two names may be of one adapter. */
function sums(weights: readonly (readonly [string, number])[]): ModelWeights {
  const all = new Map<string, number>();
  for (const [name, weight] of weights) all.set(name, (all.get(name) ?? 0) + weight);
  return Object.fromEntries(all);
}

function wrong(param: string, message: string): ApiError {
  return new ApiError(400, `${param}: ${message}`, { param });
}

/** A stranger's text, short and on one line. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
