// What a method that is prepared makes before the merge: inputs of its own, and the ordinary recipe that merges them.

import type { Addon, NativeProgress } from "../../addon/surface.js";
import type { ParsedRecipe } from "../../recipe/types.js";

/** What a gate decided of one module. */
export interface Gate {
  /** As the base model's checkpoint names it, without `.weight`. */
  readonly module: string;
  /** Cosine of the change before and after the projection, rounded to five digits. */
  readonly rho: number;
  /** True where the change was replaced. */
  readonly gated: boolean;
}

export interface PrepareOptions {
  readonly addon: Addon;
  /** 0 or undefined = one for each available core. The bytes do not depend on it. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In bytes of the matrices that are gone through. */
  readonly onProgress?: ((progress: NativeProgress) => void) | undefined;
  /** Folders of models by the names that the recipe has for them. */
  readonly models?: Readonly<Record<string, string>> | undefined;
  /** The hub cache to look models up in. */
  readonly transformersCache?: string | undefined;
}

/** The inputs that were made. They depend on everything of the recipe but the weights of its sum (lambda, gamma, …). */
export interface MadeInputs {
  /** Folders by the names that the ordinary recipe has for them: adapters of PEFT, or checkpoints. */
  readonly models: Readonly<Record<string, string>>;
  readonly gates?: readonly Gate[];
  /** Tensors that the method leaves as the base has them, where the ordinary recipe has to know it. */
  readonly untouched?: readonly string[];
  /** Tensors that a made checkpoint has in place of the fine-tuned model's. */
  readonly replaced?: readonly string[];
  readonly bytesWritten: number;
  readonly warnings?: readonly string[];
}

/** A tensor of two or more dimensions in the output. */
export interface OutlinedMatrix {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  /** Where the fine-tuned model is an adapter: the rank of its change; 0 where it has none. */
  readonly rank?: number | undefined;
}

/** How one method is prepared. */
export interface PreparedMethod {
  /** The parameters that the made inputs depend on; the others are weights of the ordinary recipe. */
  readonly decides: readonly string[];
  /**
   * What it adds to the models' changes beside its gates: a part of low rank, which an adapter can hold beside another, or weights,
   * which none can hold exactly. A scaled adapter holds neither.
   */
  readonly adds?: "a part" | "weights";
  /** Refuses, before any model is opened, what cannot be made here. @throws RetemperError USAGE */
  check?(recipe: ParsedRecipe): void;
  /**
   * Makes the inputs in a folder, which exists and is empty: models are read in pieces, and the bytes are the same for any
   * number of threads.
   * @throws RetemperError as a merge does, with the tensor
   */
  make(recipe: ParsedRecipe, folder: string, options: PrepareOptions): Promise<MadeInputs>;
  /** Bytes on the disk at most while the inputs are made, and of them; what depends on the tokens of rows is estimated. */
  disk(recipe: ParsedRecipe, matrices: readonly OutlinedMatrix[]): number;
  /** Of a method that runs a model on rows: what that takes, without anything computed. @throws as `make` for these rows */
  reads?(recipe: ParsedRecipe, matrices: readonly OutlinedMatrix[], options: PrepareOptions): Promise<ReadingCost>;
  /** The ordinary recipe over the models and what was made of them. */
  ordinary(recipe: ParsedRecipe, made: MadeInputs): ParsedRecipe;
}

/** What a model's reading of rows takes, and what is computed of it. */
export interface ReadingCost {
  /** Rows with an answer, and their tokens. */
  readonly rows: number;
  readonly tokens: number;
  /** Multiplications in float64 after the reading, about. */
  readonly multiplications: number;
}

/** A recipe that any merge can run, with what was made for it. */
export interface Preparation extends MadeInputs {
  readonly recipe: ParsedRecipe;
  readonly warnings: readonly string[];
}
