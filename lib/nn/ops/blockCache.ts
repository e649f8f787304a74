// The cache of keys and values behind attention's composition: tensors that never change, in blocks of sequences that are
// computed together. While the same sequences go on, their block grows; when they part or meet, what they hold is gathered
// into a new block. Sequences that were forked share a block until one of them goes on.

import {
  concat,
  gather,
  keep,
  reshape,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tidy,
} from "../tensorflowCore.js";
import type { Cache, CacheShape, Rows } from "./specs.js";
import { Group, groupsOf, type Run, runsOf, Step } from "./step.js";

/** Appending copies a part; so a long one is left alone, and a short one beside it grows until it is this long. */
const TAIL = 32;
/** Elements below which copying costs less than the ops that avoid it. */
const SMALL = 1 << 16;

/** Keys and values of some columns: [sequences, kvHeads, columns, headDim] each. */
export interface Part {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
}

interface Block {
  /** For each sequence of the tensors, the position that each column holds; -1: nothing. */
  readonly columns: number[][];
  /** One list a layer: one part, or a long and a short one. */
  readonly layers: Part[][];
  readonly slots: Set<number>;
}

interface Place {
  readonly block: Block;
  readonly row: number;
  /** Positions from here on belong to the sequence that this one was forked from. */
  readonly limit: number;
}

/** How a group's block comes about in this step. */
interface Plan {
  readonly block: Block;
  readonly sources: readonly Block[];
  /** Where each column of the new block comes from, [sequences][columns]: an index into the sources' columns, laid end to end. */
  readonly origins: readonly (readonly Origin[])[];
  /** Sources that nothing needs after this group. */
  readonly dying: Block[];
}

/** A column of a source; undefined: nothing. */
type Origin = { readonly source: number; readonly row: number; readonly column: number } | undefined;

export class BlockCache implements Cache {
  private readonly shape: CacheShape;
  private readonly places = new Map<number, Place>();
  private readonly plans = new Map<Group, Plan>();
  private current: Step | undefined;

  constructor(shape: CacheShape) {
    this.shape = shape;
  }

  get bytes(): number {
    let elements = 0;
    for (const block of new Set([...this.places.values()].map((place) => place.block))) {
      for (const { keys, values } of block.layers.flat()) elements += keys.size + values.size;
    }
    return elements * 4;
  }

  /** The step of these rows; all layers of a step pass the same object. The step before it ends. */
  step(rows: Rows): Step {
    if (this.current?.rows === rows) return this.current;
    this.endStep();
    const groups = groupsOf(runsOf(rows)).map((runs) => new Group(this.inBlockOrder(runs), rows));
    for (const group of groups) this.plans.set(group, this.plan(group));
    this.markDying(groups);
    this.current = new Step(rows, groups);
    return this.current;
  }

  /** Frees what only the layers of the last step shared. */
  endStep(): void {
    this.current?.dispose();
    this.current = undefined;
    this.plans.clear();
  }

  /**
   * Appends a group's keys and values of a layer, [runs, kvHeads, width, headDim], and gives all that its sequences hold.
   * The parts belong to the cache.
   */
  extend(layer: number, group: Group, keys: Tensor4D, values: Tensor4D): readonly Part[] {
    const plan = this.plans.get(group) as Plan;
    const parts = plan.sources.length > 0 ? [this.gathered(layer, plan)] : (plan.block.layers[layer] ?? []);
    for (const block of plan.dying) disposeParts(block.layers[layer] ?? []);
    plan.block.layers[layer] = grown(parts, { keys: keep(keys), values: keep(values) });
    return plan.block.layers[layer];
  }

  fork(from: number, to: number, length: number): void {
    const place = this.places.get(from);
    if (!place || length <= 0) return;
    this.release(to);
    this.places.set(to, { ...place, limit: Math.min(length, place.limit) });
    place.block.slots.add(to);
  }

  release(slot: number): void {
    const place = this.places.get(slot);
    if (!place) return;
    this.places.delete(slot);
    place.block.slots.delete(slot);
    if (place.block.slots.size === 0) for (const parts of place.block.layers) disposeParts(parts);
  }

  dispose(): void {
    this.endStep();
    for (const slot of [...this.places.keys()]) this.release(slot);
  }

  /** The runs in the order of their block's sequences, where they are exactly those: then the block just grows. */
  private inBlockOrder(runs: readonly Run[]): readonly Run[] {
    const block = this.blockOfAll(runs);
    if (!block) return runs;
    return [...runs].sort((a, b) => (this.places.get(a.slot) as Place).row - (this.places.get(b.slot) as Place).row);
  }

  /** The block that holds exactly these sequences, each for itself. */
  private blockOfAll(runs: readonly Run[]): Block | undefined {
    const block = this.places.get(runs[0]?.slot as number)?.block;
    if (!block || block.columns.length !== runs.length || block.slots.size !== runs.length) return undefined;
    const all = runs.every(({ slot }) => {
      const place = this.places.get(slot);
      return place?.block === block && place.limit === Number.POSITIVE_INFINITY;
    });
    return all ? block : undefined;
  }

  private plan(group: Group): Plan {
    const { runs, width, positions } = group;
    const whole = this.blockOfAll(runs);
    const sources: Block[] = [];
    const origins: Origin[][] = [];
    const block = whole ?? { columns: [], layers: this.shape.layers.map(() => []), slots: new Set<number>() };
    if (!whole) {
      for (const { slot } of runs) origins.push(this.originsOf(slot, sources));
      const longest = Math.max(...origins.map((list) => list.length));
      for (const list of origins) {
        while (list.length < longest) list.push(undefined);
        block.columns.push(list.map((origin) => (origin ? columnAt(sources, origin) : -1)));
      }
      runs.forEach(({ slot }, row) => {
        this.places.get(slot)?.block.slots.delete(slot);
        this.places.set(slot, { block, row, limit: Number.POSITIVE_INFINITY });
        block.slots.add(slot);
      });
    }
    block.columns.forEach((columns, run) => {
      for (let i = 0; i < width; i++) columns.push(positions[run * width + i] as number);
    });
    group.columns = block.columns;
    return { block, sources, origins, dying: [] };
  }

  /** The columns that a slot holds, without holes; its block joins the sources. */
  private originsOf(slot: number, sources: Block[]): Origin[] {
    const place = this.places.get(slot);
    if (!place) return [];
    const { block, row, limit } = place;
    let source = sources.indexOf(block);
    if (source < 0) source = sources.push(block) - 1;
    const origins: Origin[] = [];
    (block.columns[row] as number[]).forEach((position, column) => {
      if (position >= 0 && position < limit) origins.push({ source, row, column });
    });
    return origins;
  }

  /** A source that no slot needs any more dies with the last group that takes from it. */
  private markDying(groups: readonly Group[]): void {
    const seen = new Set<Block>();
    for (const group of [...groups].reverse()) {
      const { sources, dying } = this.plans.get(group) as Plan;
      for (const block of sources) {
        if (block.slots.size === 0 && !seen.has(block)) dying.push(block);
        seen.add(block);
      }
    }
  }

  /** A plan's sources as one part: rows of headDim elements, gathered from all of them at once. */
  private gathered(layer: number, { sources, origins }: Plan): Part {
    const { kvHeads, headDim } = this.shape.layers[layer] as CacheShape["layers"][number];
    const columns = origins[0]?.length ?? 0;
    const offsets: number[] = [];
    let rows = 0;
    for (const block of sources) {
      offsets.push(rows);
      rows += block.columns.length * kvHeads * storedColumns(block, layer);
    }
    const index = new Int32Array(origins.length * kvHeads * columns);
    let at = 0;
    for (const list of origins) {
      for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
        for (const origin of list) {
          const place =
            origin && (origin.row * kvHeads + kvHead) * storedColumns(sources[origin.source] as Block, layer);
          index[at++] = origin ? (offsets[origin.source] as number) + (place as number) + origin.column : 0;
        }
      }
    }
    const take = (which: keyof Part) =>
      keep(
        tidy(() => {
          const flat = sources.map((block) => {
            const parts = (block.layers[layer] as Part[]).map((part) => part[which]);
            return reshape(joined(parts), [-1, headDim]) as Tensor2D;
          });
          const found = gather(joined(flat, 0), tensor1d(index, "int32"));
          return reshape(found, [origins.length, kvHeads, columns, headDim]) as Tensor4D;
        }),
      );
    return { keys: take("keys"), values: take("values") };
  }
}

function columnAt(sources: readonly Block[], { source, row, column }: NonNullable<Origin>): number {
  return (sources[source] as Block).columns[row]?.[column] as number;
}

/** Columns of a block's tensors in a layer, before this step's are appended to it. */
function storedColumns(block: Block, layer: number): number {
  return (block.layers[layer] as Part[]).reduce((sum, { keys }) => sum + keys.shape[2], 0);
}

/** The parts with new columns at their end. */
function grown(parts: readonly Part[], added: Part): Part[] {
  const last = parts.at(-1);
  if (!last) return [added];
  const isShort = last.keys.size < SMALL || (parts.length > 1 && last.keys.shape[2] < TAIL);
  const start = isShort ? parts.length - 1 : parts.length > 1 ? 0 : parts.length;
  const merged = [...parts.slice(start), added];
  if (merged.length === 1) return [...parts, added];
  const part = { keys: keep(joined(merged.map((p) => p.keys))), values: keep(joined(merged.map((p) => p.values))) };
  disposeParts(merged);
  return [...parts.slice(0, start), part];
}

function joined<T extends Tensor>(tensors: readonly T[], axis = 2): T {
  return tensors.length === 1 ? (tensors[0] as T) : concat([...tensors], axis);
}

function disposeParts(parts: readonly Part[]): void {
  for (const { keys, values } of parts) {
    keys.dispose();
    values.dispose();
  }
}
