// How often and after which pauses something that a network may spoil is tried again.

import { setTimeout as sleep } from "node:timers/promises";
import { RetemperError } from "../errors.js";
import type { HubSettings } from "./settings.js";

export const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 60_000;

/** What another attempt may not meet. */
export interface Problem {
  readonly problem: string;
  /** What the server asks to wait for, in milliseconds. */
  readonly pause?: number | undefined;
}

export interface Tries {
  readonly host: string;
  /** After a problem, for notes. */
  readonly next?: "trying again" | "going on";
  /** What is thrown in the end. */
  readonly failure: (problem: string) => RetemperError;
}

/**
 * What an attempt gives, of at most five. Problems, and connections that fail, are noted and tried again, with growing pauses or
 * after what the server asks for.
 * @throws RetemperError `failure`'s; what an attempt throws, but for failing connections; the signal's reason
 */
export async function inTries<T>(
  attempt: () => Promise<{ readonly value: T } | Problem>,
  { host, next = "trying again", failure }: Tries,
  settings: HubSettings,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    const outcome = await attempt().catch((error: unknown): Problem => {
      settings.signal?.throwIfAborted();
      if (error instanceof RetemperError) throw error;
      return { problem: connectionProblem(error) };
    });
    if ("value" in outcome) return outcome.value;
    if (tried === ATTEMPTS) throw failure(outcome.problem);
    settings.note(`${host}: ${outcome.problem}; ${next}`);
    await pauseFor(outcome.pause ?? pauseAfter(tried, settings), settings);
  }
}

/** Milliseconds, twice as many after each attempt. */
export function pauseAfter(attempt: number, { retryDelayMs }: HubSettings): number {
  return retryDelayMs * 2 ** (attempt - 1);
}

export async function pauseFor(milliseconds: number, { signal }: HubSettings): Promise<void> {
  await sleep(Math.min(milliseconds, LONGEST_WAIT_MS), undefined, signal && { signal }).catch(() => {
    signal?.throwIfAborted();
  });
}

export function connectionProblem(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return `the connection failed (${cause?.code ?? cause?.message ?? message})`;
}
