// How large a text may be and how deep it may nest: checked before anything recursive sees it.

/** Largest recipe text, in UTF-16 units. */
export const MAX_TEXT = 2 ** 21;
/** Deepest nesting of mappings and lists; a recipe needs about ten. */
export const MAX_DEPTH = 64;
/** Most values after aliases are expanded. */
export const MAX_VALUES = 50_000;
/** Where a text may have more values: most that aliases may add for each that is written. */
export const MAX_COPIES = 10;

/** What a text is called in messages, and how large it may be. */
export interface TextLimits {
  readonly noun: string;
  /** In UTF-16 units. */
  readonly maxText: number;
  /** Of one document, after aliases are expanded. */
  readonly maxValues: number;
}

export const RECIPE_LIMITS: TextLimits = { noun: "recipe", maxText: MAX_TEXT, maxValues: MAX_VALUES };
