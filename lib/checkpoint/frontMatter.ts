// The front matter of a model card: YAML between two lines of --- at its beginning, which the hub reads.

const FRONT_MATTER = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;

/** Its text, without the lines around it; undefined for a card that has none. */
export function frontMatter(card: string): string | undefined {
  return FRONT_MATTER.exec(card)?.[1];
}
