// How long a run will take: from the work that remains and the speed of what was done. Pure: whoever asks says what time it is.

import { Speed } from "../../progress/speed.js";

/** A step as far as it is known before it is done. */
export interface PlannedWork {
  readonly key: string;
  readonly name: string;
  /** What it costs, in tokens, about; 0 for a step that takes no time to speak of. */
  readonly work: number;
  /** Steps of one kind go at one speed: tuning is another one than answering. */
  readonly kind?: string | undefined;
}

/** Who did a step: this process, an earlier run, or another process that works on the same folder now. */
export type DoneBy = "us" | "before" | "others";

interface Known extends PlannedWork {
  readonly ended: boolean;
}

/** The step that goes on. */
interface Going {
  readonly key: string;
  readonly begun: number;
  /** Until when its time is counted. */
  counted: number;
  /** What is done of it, in tokens. */
  done: number;
  /** Whether these are its own tokens; else they are its share of the cost. */
  told: boolean;
}

export class TimeLeft {
  readonly #steps = new Map<string, Known>();
  /** In tokens as they were told, by kind, and of all. */
  readonly #speeds = new Map<string | undefined, Speed>();
  readonly #all = new Speed();
  /** Of the steps that ended here, by kind: tokens that they took, of those that were planned. */
  readonly #took = new Map<string | undefined, { readonly tokens: number; readonly work: number }>();
  #going: Going | undefined;
  #ended = 0;
  #later: Pick<PlannedWork, "work" | "kind"> = { work: 0 };

  /** Steps that there are and will be; a step that is named again gets its new cost. */
  planned(steps: readonly PlannedWork[]): void {
    for (const step of steps) this.#steps.set(step.key, { ...step, ended: this.#steps.get(step.key)?.ended ?? false });
  }

  /** What comes after the steps that are known, in the place of what was said of it before. */
  later(work: number, kind?: string): void {
    this.#later = { work, kind };
  }

  /** @param now milliseconds, of any clock that goes forward */
  begin(key: string, name: string, now: number): void {
    this.planned([this.#steps.get(key) ?? { key, name, work: 0 }]);
    this.#going = { key, begun: now, counted: now, done: 0, told: false };
  }

  nameOf(key: string): string | undefined {
    return this.#steps.get(key)?.name;
  }

  isGoing(key: string): boolean {
    return this.#going?.key === key;
  }

  /**
   * What is done of the step that goes on: by its tokens if these are told, else by its own measure.
   * @param tokens of the step so far; 0 where nobody counts them
   */
  advance(
    { done, total, tokens = 0 }: { done: number; total: number; tokens?: number | undefined },
    now: number,
  ): void {
    const going = this.#going;
    const step = going && this.#steps.get(going.key);
    if (!going || !step) return;
    going.told ||= tokens > 0;
    const share = going.told || total <= 0 ? 0 : Math.min(1, done / total);
    this.#count(going, step, going.told ? tokens : share * step.work, now);
  }

  /** @returns seconds and tokens that this process took for it */
  end(key: string, by: DoneBy, now: number): { readonly seconds: number; readonly tokens?: number } {
    const step = this.#steps.get(key) ?? { key, name: key, work: 0, ended: false };
    if (!step.ended) {
      this.#steps.set(key, { ...step, ended: true });
      this.#ended += 1;
      if (by === "others") this.#add(step, this.#costOf(step), 0);
    }
    const going = this.#going;
    if (going?.key !== key) return { seconds: 0 };
    this.#count(going, step, going.told ? going.done : step.work, now);
    this.#going = undefined;
    const seconds = (now - going.begun) / 1000;
    if (!going.told) return { seconds };
    const { tokens, work } = this.#took.get(step.kind) ?? { tokens: 0, work: 0 };
    this.#took.set(step.kind, { tokens: tokens + going.done, work: work + step.work });
    return { seconds, tokens: going.done };
  }

  /** The step that goes on, or ended last, is the k-th of n. */
  get place(): { readonly k: number; readonly n: number } {
    const k = this.#ended + (this.#going ? 1 : 0);
    return { k, n: Math.max(k, this.#steps.size) };
  }

  /** Undefined as long as too little was measured, and where nobody has said what the steps cost. */
  get secondsLeft(): number | undefined {
    let [left, known] = [0, false];
    for (const step of [...this.#steps.values(), { ...this.#later, key: "", ended: false }]) {
      if (step.work > 0) known = true;
      const remains = step.ended ? 0 : this.#costOf(step) - (this.isGoing(step.key) ? (this.#going?.done ?? 0) : 0);
      if (remains <= 0) continue;
      const speed = this.#speeds.get(step.kind)?.perSecond ?? this.#all.perSecond;
      if (speed === undefined) return undefined;
      left += remains / speed;
    }
    return known ? left : undefined;
  }

  /** In tokens, by what steps of its kind took of what was planned for them. */
  #costOf({ kind, work }: Pick<Known, "kind" | "work">): number {
    const took = this.#took.get(kind);
    return took && took.work > 0 ? (work * took.tokens) / took.work : work;
  }

  /** What is done never becomes less: a step has several phases, of which each counts anew. */
  #count(going: Going, step: Known, done: number, now: number): void {
    const more = Math.max(0, done - going.done);
    if (step.work > 0) this.#add(step, more, (now - going.counted) / 1000);
    going.counted = now;
    going.done += more;
  }

  #add({ kind }: Known, tokens: number, seconds: number): void {
    const speed = this.#speeds.get(kind) ?? new Speed();
    this.#speeds.set(kind, speed);
    speed.add(tokens, seconds);
    this.#all.add(tokens, seconds);
  }
}
