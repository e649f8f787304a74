// The places of a virtual merge's further variants: a value that was not named when the model was opened gets one when it is
// first asked for, and keeps it until another value needs it.

import { setImmediate } from "node:timers/promises";
import { RetemperError } from "../../errors.js";
import type { MergePoint } from "../../merge/virtualMerge.js";
import type { Chosen } from "../virtual/chosenVariants.js";

/** Further variants in work at once; each takes a little memory. */
const MOST = 256;
/** So many that are not in work are remembered before the oldest of them makes room. */
const REMEMBERED = 64;

interface Place {
  readonly variant: number;
  /** What it is; undefined where it is nothing. */
  key: string | undefined;
  /** Calls in work that use it. */
  users: number;
  /** Once its value was planned and asked of the thread; rejects where it cannot be planned. */
  ready: Promise<void>;
}

/** What a call holds while it is in work. */
export interface HeldVariants {
  /** Numbers, in the order of what was chosen. */
  readonly variants: readonly number[];
  /** Once nothing of the call is in work. */
  release(): void;
}

/**
 * Sets a variant, before anything that is asked later.
 * @throws what planning it throws; the promise rejects where it could not be made.
 */
export type SetVariant = (variant: number, point: MergePoint) => Promise<void>;

interface Wanted {
  /** By their keys. */
  readonly points: ReadonlyMap<string, MergePoint>;
  begin(): void;
}

export class VariantPlaces {
  readonly #set: SetVariant;
  readonly #most: number;
  readonly #remembered: number;
  readonly #opened: number;
  #made = 0;
  #free: Place[] = [];
  /** By what they are; the one that was of use last is last. */
  readonly #known = new Map<string, Place>();
  /** Calls that wait for places, in turn. */
  #waiting: Wanted[] = [];
  /** Plans take some milliseconds each: they are made one at a time, and the process gets its turn between them. */
  #planned: Promise<unknown> = Promise.resolve();

  /** @param opened variants that the model was opened with, which keep their numbers */
  constructor(opened: number, set: SetVariant, { most = MOST, remembered = REMEMBERED } = {}) {
    this.#opened = opened;
    this.#set = set;
    this.#most = most;
    this.#remembered = remembered;
  }

  /**
   * Gives a call all the places that it needs, or lets it wait for them.
   * @throws RetemperError USAGE for more than there are; what planning throws. Rejects with `signal.reason` when aborted.
   */
  async hold(chosen: readonly Chosen[], signal?: AbortSignal): Promise<HeldVariants> {
    const points = new Map(chosen.flatMap((one) => ("point" in one ? [[keyOf(one.point), one.point] as const] : [])));
    if (points.size > this.#most) {
      const which = `this one names ${points.size} that the model was not opened with`;
      throw new RetemperError("USAGE", `a call may name ${this.#most} lambdas or weights at once, and ${which}`, {
        hint: "ask for them in several calls",
      });
    }
    const places =
      this.#waiting.length === 0 && this.#fits(points) ? this.#take(points) : await this.#turn(points, signal);
    try {
      for (const { ready } of places.values()) await ready;
    } catch (error) {
      this.#release(places);
      throw error;
    }
    const variants = chosen.map((one) =>
      "point" in one ? (places.get(keyOf(one.point)) as Place).variant : one.variant,
    );
    return { variants, release: () => this.#release(places) };
  }

  #fits(points: Wanted["points"]): boolean {
    const missing = [...points.keys()].filter((key) => !this.#known.has(key)).length;
    const idle = this.#idle().filter(([key]) => !points.has(key)).length;
    return missing <= this.#most - this.#made + this.#free.length + idle;
  }

  #idle(): [string, Place][] {
    return [...this.#known].filter(([, { users }]) => users === 0);
  }

  /** Takes the places when it is the call's turn and there are enough. */
  #turn(points: Wanted["points"], signal: AbortSignal | undefined): Promise<Map<string, Place>> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== wanted);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        leave();
        reject(signal?.reason);
        this.#wake();
      };
      const begin = () => {
        leave();
        resolve(this.#take(points));
      };
      const wanted = { points, begin };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(wanted);
    });
  }

  #wake(): void {
    for (let first = this.#waiting[0]; first && this.#fits(first.points); first = this.#waiting[0]) first.begin();
  }

  #take(points: Wanted["points"]): Map<string, Place> {
    const places = new Map<string, Place>();
    // Those that are there first, so that no other takes their places.
    for (const key of points.keys()) {
      const known = this.#known.get(key);
      if (known) places.set(key, known);
    }
    for (const place of places.values()) place.users += 1;
    for (const [key, point] of points) if (!places.has(key)) places.set(key, this.#make(key, point));
    return places;
  }

  #make(key: string, point: MergePoint): Place {
    const place = this.#place();
    // What cannot be made is told to the calls that want it, and tried again for later ones.
    const forget = () => this.#forget(place, key);
    const ready = this.#planned
      .then(() => setImmediate())
      .then(() => {
        this.#set(place.variant, point).catch(forget);
      });
    this.#planned = ready.catch(forget);
    Object.assign(place, { key, users: 1, ready });
    this.#known.set(key, place);
    return place;
  }

  /** One that is free, new, or of the value that was of no use for longest. */
  #place(): Place {
    const free = this.#free.pop();
    if (free) return free;
    const idle = this.#idle();
    const [oldest] = idle;
    if (oldest && (idle.length >= this.#remembered || this.#made >= this.#most)) {
      this.#known.delete(oldest[0]);
      return oldest[1];
    }
    return { variant: this.#opened + this.#made++, key: undefined, users: 0, ready: Promise.resolve() };
  }

  #forget(place: Place, key: string): void {
    if (place.key !== key) return; // it is another one by now
    this.#known.delete(key);
    place.key = undefined;
    if (place.users === 0) this.#free.push(place);
  }

  #release(places: Map<string, Place>): void {
    for (const place of places.values()) this.#leave(place);
    places.clear();
    this.#wake();
  }

  #leave(place: Place): void {
    place.users -= 1;
    if (place.users > 0) return;
    if (place.key === undefined) this.#free.push(place);
    else {
      this.#known.delete(place.key);
      this.#known.set(place.key, place);
    }
  }
}

const keyOf = (point: MergePoint) => JSON.stringify(point);
