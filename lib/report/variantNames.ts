// What stands among the metrics for all variants of a set together.

/** "advbench, any of 3 variants": no set has such a name. */
export function anyVariantName(set: string, variants: number): string {
  return `${set}, any of ${variants} variants`;
}

/** The set of such a name; undefined for the name of a set. */
export function setOfAnyVariant(name: string): string | undefined {
  return /^(.+), any of \d+ variants$/s.exec(name)?.[1];
}
