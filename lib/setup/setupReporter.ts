// Progress of a setup: phases in their order, bytes done, speed and time left.

export interface SetupProgress {
  /** "download tensorflow-cpu", "unpack tensorflow-cpu", "compile", … */
  readonly phase: string;
  /** Bytes; 0 of 0 where there is no measure. */
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | undefined;
}

export class SetupReporter {
  readonly #listener: ((progress: SetupProgress) => void) | undefined;
  #phase = "";
  #total = 0;
  #done = 0;
  #first = 0;
  #started = 0;

  constructor(listener: ((progress: SetupProgress) => void) | undefined) {
    this.#listener = listener;
  }

  start(phase: string, total: number): void {
    this.#phase = phase;
    this.#total = total;
    this.#first = -1;
    this.#started = performance.now();
    this.#report(0);
  }

  /** Bytes of the phase that are done; bound, so that it can be handed on. */
  readonly done = (bytes: number): void => {
    if (this.#first < 0) this.#first = bytes; // what an earlier run had brought says nothing about the speed
    this.#report(bytes);
  };

  /** More bytes that are done; bound too. */
  readonly add = (bytes: number): void => this.done(this.#done + bytes);

  #report(done: number): void {
    this.#done = done;
    const seconds = (performance.now() - this.#started) / 1000;
    const came = done - Math.max(0, this.#first);
    const bytesPerSecond = came > 0 && seconds > 0 ? came / seconds : 0;
    const secondsLeft = bytesPerSecond > 0 ? Math.max(0, this.#total - done) / bytesPerSecond : undefined;
    this.#listener?.({ phase: this.#phase, done, total: this.#total, bytesPerSecond, secondsLeft });
  }
}
