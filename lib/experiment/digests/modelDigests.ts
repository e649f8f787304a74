// What the models of an experiment hold, by where they lie: steps know them by their digests alone.

import type { Digests } from "./contents.js";
import { asDigest, type Digest } from "./digestOf.js";

export class ModelDigests {
  readonly #contents: Pick<Digests, "model" | "modelOrFile">;
  readonly #known = new Map<string, Digest<"model">>();

  constructor(contents: Pick<Digests, "model" | "modelOrFile">) {
    this.#contents = contents;
  }

  /** @param models folders, hub names, or either with +adapter */
  async learn(models: readonly string[]): Promise<void> {
    for (const model of models) {
      if (!this.#known.has(model)) this.#known.set(model, asDigest("model", await this.#contents.model(model)));
    }
  }

  /** Files beside models that merges are made from. */
  async learnFiles(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.#known.set(path, asDigest("model", await this.#contents.modelOrFile(path)));
  }

  /** Of a model that need not be there: what it is made from says what it holds. */
  declare(model: string, digest: Digest<"model">): void {
    this.#known.set(model, digest);
  }

  /** Of a model that was learned. */
  of(model: string): Digest<"model"> {
    const digest = this.#known.get(model);
    if (digest === undefined) throw new Error(`the digest of ${model} was not learned`);
    return digest;
  }

  /**
   * A recipe or another value in which models stand as their digests, so that it says what they hold and not where. Of the facts
   * of engines, what says where and when they ran is left out.
   */
  readonly within = (value: unknown): string =>
    JSON.stringify(value, (key, one: unknown) => {
      if (WHERE.has(key)) return undefined;
      return typeof one === "string" ? (this.#known.get(one) ?? one) : one;
    });
}

const WHERE: ReadonlySet<string> = new Set(["versions", "device", "gpu", "fingerprint"]);
