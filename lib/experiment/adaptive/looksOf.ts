// When an adaptive experiment looks at what was measured.

/** Blocks of a set: fewer say too little to end anything, and each costs some of the level. */
const BLOCKS = 8;
/** Of items: fewer are no block. */
const LEAST = 8;

/** The numbers of items at which there is a look: equal steps, the last of them all. */
export function looksOf(items: number, blocks = BLOCKS): number[] {
  const count = Math.max(1, Math.min(blocks, Math.floor(items / LEAST)));
  return Array.from({ length: count }, (_, at) => Math.round(((at + 1) * items) / count));
}
