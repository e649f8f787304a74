// What a recipe is once it has been read and validated: plain data, no tensors, no files' contents.

import type { MethodName } from "./methods.js";
import type { RecipeShape } from "./shape.js";

export type FloatDtypeName = "bfloat16" | "float16" | "float32" | "float64";

/** `path[@revision][+lora[@revision]]`; `text` is how the recipe wrote it (its canonical form for objects). */
export interface ModelReference {
  readonly text: string;
  readonly path: string;
  readonly revision?: string;
  readonly lora?: { readonly path: string; readonly revision?: string };
  readonly overrideArchitecture?: string;
}

export type Scalar = number | boolean | string;
/** A scalar, or a gradient over the layers of a slice. */
export type ParameterValue = Scalar | readonly Scalar[];
/** Tried in order; `filter` undefined matches every tensor. */
export interface ConditionalValue {
  readonly filter?: string;
  readonly value: ParameterValue;
}
/** name -> conditional values (a plain value is one entry without a filter). */
export type Parameters = Readonly<Record<string, readonly ConditionalValue[]>>;

export interface RecipeSource {
  readonly model: ModelReference;
  /** Half-open; undefined = the whole model. */
  readonly layerRange?: readonly [number, number];
  readonly parameters: Parameters;
  /**
   * Not of the grammar: a tensor that this model lacks, or has in another shape than the base, is made without it. "partial":
   * it may lack whole layers.
   */
  readonly optional?: boolean | "partial";
}

export interface RecipeSlice {
  readonly sources: readonly RecipeSource[];
  readonly baseModel?: ModelReference;
  readonly parameters: Parameters;
}

export interface RecipeModule {
  /** Prefix of tensor names as the user wrote it; "" for a recipe without `modules`. */
  readonly name: string;
  /** A recipe with `models` has one slice whose sources have no layerRange. */
  readonly slices: readonly RecipeSlice[];
  /** True when written as `models`. */
  readonly whole: boolean;
  readonly parameters: Parameters;
}

export type TokenizerChoice =
  | { readonly kind: "union" }
  | { readonly kind: "base" }
  | { readonly kind: "model"; readonly model: ModelReference };

export type TokenSource =
  | { readonly kind: "model"; readonly model: ModelReference }
  | { readonly kind: "zero" }
  | {
      readonly kind: "model_token";
      readonly model: ModelReference;
      readonly token?: string;
      readonly tokenId?: number;
    };

export interface TokenizerRequest {
  readonly source: TokenizerChoice;
  readonly tokens: Readonly<Record<string, { readonly source?: TokenSource; readonly force: boolean }>>;
  readonly padToMultipleOf?: number;
}

export interface ParsedRecipe {
  readonly method: MethodName;
  readonly baseModel?: ModelReference;
  /** The model that the base was aligned from; only methods made for safety read it. */
  readonly unalignedModel?: ModelReference;
  /** A model tuned on safe rows (safemerge). */
  readonly safeModel?: ModelReference;
  /** One module named "" unless the recipe has `modules`. */
  readonly modules: readonly RecipeModule[];
  readonly parameters: Parameters;
  readonly dtype?: FloatDtypeName;
  readonly outDtype?: FloatDtypeName;
  readonly tokenizer?: TokenizerRequest;
  readonly chatTemplate?: string;
  /** What the text says, key by key; numbers of a sweep are set in it. */
  readonly written: WrittenRecipe;
  /** The recipe's own text (YAML), for the model card. */
  readonly text: string;
  /** The file it came from, if it came from one; errors name it. */
  readonly file?: string;
  readonly warnings: readonly string[];
}

/** A recipe of the right shape with the keys of its text, in their order. Read with `lenient`, it may have others too. */
export type WrittenRecipe = Readonly<RecipeShape>;

/** The recipe as a plain object, for library users; the same keys as the YAML. Validated by the same code. */
export type Recipe = { readonly merge_method: string } & Readonly<Record<string, unknown>>;
