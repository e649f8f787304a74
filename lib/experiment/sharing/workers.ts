// Those that work on one experiment's folder: who does which step. One process by itself has nobody to ask.

/** A step that this worker does, and no other one. */
export interface Claim {
  /** Gives the step back, or marks it free after it was recorded. Does nothing the second time, or where the claim was lost. */
  release(): Promise<void>;
  /** Aborted where another has taken the claim, because this process looked dead: stop writing. */
  readonly lost: AbortSignal;
}

/** A step, or several that are done together. */
export interface Shared {
  readonly key: string;
  /** Of several with the same, one is done at a time; by default the key. */
  readonly claim?: string | undefined;
}

export interface Workers {
  /** Of this process: no other one has it, on any machine. */
  readonly id: string;
  /** The same steps in the order in which this worker tries them: its own share first, by digest, then the others'. */
  order<T extends Shared>(steps: readonly T[]): readonly T[];
  /**
   * Takes a step. It may have been done since it was looked for: look again before doing it.
   * @returns undefined while a living worker has it
   */
  claim(key: string): Promise<Claim | undefined>;
  /**
   * Resolves when it is worth looking again: what others had, of what this worker was refused, is free or done.
   * @throws the signal's reason
   */
  settled(signal?: AbortSignal): Promise<void>;
  /** Gives everything back and leaves the folder to the others. */
  close(): Promise<void>;
}

const KEPT: Claim = { release: async () => {}, lost: new AbortController().signal };

/** A process that has the folder to itself. */
export const soleWorker: Workers = {
  id: "alone",
  order: (steps) => steps,
  claim: async () => KEPT,
  settled: async (signal) => signal?.throwIfAborted(),
  close: async () => {},
};
