// A prompt while it is read, and afterwards while samples of it wait or run.

import type { Job, PromptWork } from "./job.js";
import type { Reading } from "./reading.js";

export class Prefix implements Reading {
  readonly job: Job;
  readonly prompt: PromptWork;
  readonly slot: number;
  done = 0;
  /** Samples that were begun, and those of them that are not finished. */
  begun = 0;
  active = 0;
  /** Logits after the prompt, from which every sample draws its first token. */
  logits: Float32Array | undefined;
  /** Whether the slot is still its own. */
  holds = true;
  /** A prompt that is being read and begins with the same `tokens` tokens: when they are read, they are shared. */
  leader: { readonly prefix: Prefix; readonly tokens: number } | undefined;

  constructor(job: Job, prompt: PromptWork, slot: number) {
    this.job = job;
    this.prompt = prompt;
    this.slot = slot;
  }

  get variant(): number {
    return this.prompt.variant;
  }

  get length(): number {
    return this.prompt.ids.length;
  }

  at(position: number): number {
    return this.prompt.ids[position] as number;
  }

  /** Samples that were not begun. */
  get pending(): number {
    return this.prompt.samples.length - this.begun;
  }

  /** Begins the next sample; gives its number. */
  begin(): number {
    this.active += 1;
    return this.prompt.samples[this.begun++] as number;
  }

  /** Gives its slot away, to the last sample or to be free. */
  give(): number {
    this.holds = false;
    return this.slot;
  }
}
