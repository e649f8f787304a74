// What the values of a table's numbers are of, without prompts.

/** An item without its prompt. */
export interface ItemName {
  readonly set: string;
  /** sha256 of the prompt: its text, or the JSON of its messages; the second item of the same prompt in a set has "#2" behind it. */
  readonly prompt: string;
  readonly category?: string | undefined;
  /** Of a skill's: which. */
  readonly skill?: string | undefined;
}

/** In the order of the values of a table's quantities. */
export interface ItemNames {
  readonly safety: readonly ItemName[];
  readonly overRefusal: readonly ItemName[];
  readonly task: readonly ItemName[];
  /** Of sets that were selected by the aligned model's own answers. */
  readonly selected: readonly ItemName[];
  /** Of all skills, one after the other; absent where there are none. */
  readonly skills?: readonly ItemName[] | undefined;
}
