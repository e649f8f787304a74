// Numbers in sentences.

/** 34,850 */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** 97.5 % */
export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}
