// The k largest logits, found in one pass with a heap of k values.

export interface TopValues {
  readonly most: number;
  /** The k-th largest. */
  readonly least: number;
}

/** The largest and the k-th largest value; NaN counts as none, and those that are missing as minus infinity. */
export function topValues(values: Float32Array, k: number): TopValues {
  const heap = new Float32Array(Math.min(k, values.length)).fill(Number.NEGATIVE_INFINITY);
  let least = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] as number;
    if (value > least) {
      sink(heap, 0, value);
      least = heap[0] as number;
    }
  }
  let most = least;
  for (const value of heap) if (value > most) most = value;
  return { most, least };
}

/** Puts a value at a place of a heap with the least on top, or below it. */
function sink(heap: Float32Array, place: number, value: number): void {
  let parent = place;
  for (let child = 2 * parent + 1; child < heap.length; child = 2 * parent + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
    if ((heap[child] as number) >= value) break;
    heap[parent] = heap[child] as number;
    parent = child;
  }
  heap[parent] = value;
}
