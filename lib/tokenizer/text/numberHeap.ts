// A binary heap of numbers, the least first.

export class NumberHeap {
  #values = new Float64Array(256);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
  }

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    const values = this.#values;
    let child = this.#size++;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if ((values[parent] as number) <= value) break;
      values[child] = values[parent] as number;
      child = parent;
    }
    values[child] = value;
  }

  /** Takes the least value out; there must be one. */
  pop(): number {
    const values = this.#values;
    const least = values[0] as number;
    this.#size -= 1;
    const size = this.#size;
    const last = values[size] as number;
    let parent = 0;
    for (let child = 1; child < size; child = 2 * parent + 1) {
      if (child + 1 < size && (values[child + 1] as number) < (values[child] as number)) child += 1;
      if ((values[child] as number) >= last) break;
      values[parent] = values[child] as number;
      parent = child;
    }
    values[parent] = last;
    return least;
  }
}
