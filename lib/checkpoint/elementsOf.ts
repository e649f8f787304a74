// How many elements a tensor has.

/** The product of its lengths; 1 for a scalar. */
export function elementsOf({ shape }: { readonly shape: readonly number[] }): number {
  return shape.reduce((product, length) => product * length, 1);
}
