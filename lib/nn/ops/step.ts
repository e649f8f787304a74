// How the rows of one step are computed together: sequences that read about equally many tokens form a group, padded to a
// rectangle, so that attention takes a fixed handful of ops a group however many sequences decode at once.

import { keep, type Tensor, type Tensor1D, type Tensor4D, tensor1d, tensor4d } from "../tensorflowCore.js";
import { type Turns, turnsOf } from "./rotate.js";
import type { Rope, Rows } from "./specs.js";

/** Added to scores that a row may not see. Finite, so that rows of padding give numbers, and gradients stay numbers. */
const UNSEEN = -1e30;

/** The rows of one sequence in a step: [start, start + count). */
export interface Run {
  readonly slot: number;
  readonly start: number;
  readonly count: number;
}

/** Sequences whose queries form one rectangle [runs, width]. */
export class Group {
  readonly runs: readonly Run[];
  /** Rows of the longest run. */
  readonly width: number;
  /** Position of each query, -1 for padding: [runs * width]. */
  readonly positions: Int32Array;
  /** Position of each key of each run, -1 for padding: filled in by the cache, right during this step. */
  columns: readonly (readonly number[])[] = [];
  private readonly rowOf: Int32Array;
  private readonly isWhole: boolean;
  private indexTensor: Tensor1D | undefined;
  private readonly masks = new Map<number | undefined, Tensor4D | undefined>();

  constructor(runs: readonly Run[], rows: Rows) {
    this.runs = runs;
    this.width = Math.max(...runs.map(({ count }) => count));
    this.rowOf = new Int32Array(runs.length * this.width);
    this.positions = new Int32Array(runs.length * this.width).fill(-1);
    runs.forEach(({ start, count }, run) => {
      for (let i = 0; i < count; i++) {
        this.rowOf[run * this.width + i] = start + i;
        this.positions[run * this.width + i] = rows.positions[start + i] as number;
      }
    });
    this.isWhole = this.rowOf.length === rows.ids.length && this.rowOf.every((row, i) => row === i);
  }

  /** The step's row of each query, or undefined where the group is all of the step in its order. */
  index(): Tensor1D | undefined {
    if (this.isWhole) return undefined;
    this.indexTensor ??= keep(tensor1d(this.rowOf, "int32"));
    return this.indexTensor;
  }

  /** What to add to scores [runs, heads, width, keys]: [runs, 1, width, keys]; undefined where every query sees every key. */
  mask(window: number | undefined): Tensor4D | undefined {
    if (!this.masks.has(window)) this.masks.set(window, this.makeMask(window));
    return this.masks.get(window);
  }

  private makeMask(window = Number.POSITIVE_INFINITY): Tensor4D | undefined {
    const { runs, width, columns, positions } = this;
    const keys = columns[0]?.length ?? 0;
    const values = new Float32Array(runs.length * width * keys);
    let hidden = 0;
    let at = 0;
    for (let run = 0; run < runs.length; run++) {
      const positionsOfKeys = columns[run] as readonly number[];
      for (let i = 0; i < width; i++) {
        const position = positions[run * width + i] as number;
        for (let key = 0; key < keys; key++, at++) {
          const there = positionsOfKeys[key] as number;
          if (there >= 0 && there <= position && there > position - window) continue;
          values[at] = UNSEEN;
          hidden++;
        }
      }
    }
    return hidden === 0 ? undefined : keep(tensor4d(values, [runs.length, 1, width, keys]));
  }

  dispose(): void {
    this.indexTensor?.dispose();
    for (const mask of this.masks.values()) mask?.dispose();
    this.masks.clear();
  }
}

/** One step: its groups, and what its layers share. */
export class Step {
  readonly rows: Rows;
  readonly groups: readonly Group[];
  private readonly turnsByRope = new Map<Rope, Turns>();
  private restoreTensor: Tensor1D | undefined;

  constructor(rows: Rows, groups: readonly Group[]) {
    this.rows = rows;
    this.groups = groups;
  }

  turns(rope: Rope): Turns {
    let turns = this.turnsByRope.get(rope);
    if (!turns) {
      turns = turnsOf(rope, this.rows);
      this.turnsByRope.set(rope, turns);
    }
    return turns;
  }

  /** Where each row lies in the groups' rectangles laid end to end; undefined where that is the rows' own order. */
  restore(): Tensor1D | undefined {
    if (this.groups.length === 1 && this.groups[0]?.index() === undefined) return undefined;
    if (!this.restoreTensor) {
      const places = new Int32Array(this.rows.ids.length);
      let offset = 0;
      for (const { runs, width } of this.groups) {
        runs.forEach(({ start, count }, run) => {
          for (let i = 0; i < count; i++) places[start + i] = offset + run * width + i;
        });
        offset += runs.length * width;
      }
      this.restoreTensor = keep(tensor1d(places, "int32"));
    }
    return this.restoreTensor;
  }

  dispose(): void {
    for (const group of this.groups) group.dispose();
    const turns: Tensor[] = [...this.turnsByRope.values()].flatMap(({ cos, sin }) => [cos, sin]);
    for (const tensor of turns) tensor.dispose();
    this.turnsByRope.clear();
    this.restoreTensor?.dispose();
    this.restoreTensor = undefined;
  }
}

/** The runs of a step, one a slot, in order. */
export function runsOf({ slots }: Rows): Run[] {
  const runs: Run[] = [];
  for (let start = 0; start < slots.length; ) {
    let end = start + 1;
    while (end < slots.length && slots[end] === slots[start]) end++;
    runs.push({ slot: slots[start] as number, start, count: end - start });
    start = end;
  }
  return runs;
}

/** Runs that are computed together: single rows, and longer ones that differ by less than a factor of two. */
export function groupsOf(runs: readonly Run[]): Run[][] {
  const groups = new Map<number, Run[]>();
  for (const run of runs) {
    const size = Math.ceil(Math.log2(run.count));
    const group = groups.get(size);
    if (group) group.push(run);
    else groups.set(size, [run]);
  }
  return [...groups.values()];
}
