// A time limit around work that a model's files decide: a pattern may take exponential time on some texts, and nothing but
// V8's own interruption ends a match. The limit is of processor time: a machine with much else to do takes longer, and is no
// reason to refuse a text. V8 interrupts by the clock alone, so that work which had too little of the processor begins again,
// within a longer limit that the clock has too.

import { cpuUsage } from "node:process";
import { type Context, createContext, Script } from "node:vm";
import { RetemperError } from "../../errors.js";

/** Milliseconds that any text may take, and that each kilobyte may in addition; ordinary tokenizers need a fiftieth of it. */
const BASE_MS = 5_000;
const MS_A_KILOBYTE = 20;
/** What is left of a limit, as a share, that is not worth another try. */
const TOO_LITTLE = 0.25;
/** Of all tries together, by the clock: so many limits. */
const LONGEST = 4;

const script = new Script("work()");
let context: Context | undefined;

/** What does the work, and where from, for messages. */
export interface TimedWork {
  readonly file?: string | undefined;
  readonly what: string;
  /** Of work that goes back and forth without end. */
  readonly hint: string;
  /** Milliseconds of processor time that any text may take; 5,000 by default. */
  readonly milliseconds?: number | undefined;
}

/** @param file the tokenizer's */
export function tokenizerWork(file: string): TimedWork {
  return {
    file,
    what: "the tokenizer",
    hint: "one of its patterns goes back and forth without end: get the tokenizer from a source that you trust",
  };
}

/**
 * Runs synchronous work over a text of `length` characters; about 20 µs more than without.
 * @param work is run again from its beginning where it was interrupted while others had the processor
 * @throws RetemperError BAD_INPUT naming the file, where there is one, when it takes too long, or more stack than there is.
 */
export function withTimeLimit<T>(
  length: number,
  { file, what, hint, milliseconds = BASE_MS }: TimedWork,
  work: () => T,
): T {
  context ??= createContext(Object.create(null));
  const before = context.work;
  try {
    return tried(work, milliseconds + (length / 1024) * MS_A_KILOBYTE, context) as T;
  } catch (cause) {
    if (cause instanceof RangeError) {
      // A pattern that remembers every character of a run, such as one over millions of letters without a space.
      throw new RetemperError("BAD_INPUT", `a part of the text is too long for ${what}: ${cause.message}`, {
        file,
        hint: "split the text",
        cause,
      });
    }
    if (!isInterruption(cause)) throw cause;
    throw new RetemperError("BAD_INPUT", `${what} takes too long on this text`, {
      file,
      hint,
      cause,
    });
  } finally {
    context.work = before;
  }
}

/** @param limit milliseconds of processor time of all tries together */
function tried(work: () => unknown, limit: number, within: Context): unknown {
  const end = performance.now() + LONGEST * limit;
  let left = limit;
  let timeout = limit;
  for (;;) {
    within.work = work; // anew: an interruption leaves out what finally would do, also of work within this
    const start = performance.now();
    const before = cpuUsage();
    try {
      return script.runInContext(within, { timeout: Math.ceil(timeout) });
    } catch (cause) {
      if (!isInterruption(cause)) throw cause;
      // of the whole process, which is at least what the work had
      const { user, system } = cpuUsage(before);
      const spent = Math.max(1, (user + system) / 1000);
      left -= spent;
      const now = performance.now();
      // with as much of the processor as before, it has what is left of its time by then
      timeout = Math.min((left * (now - start)) / spent, end - now);
      if (Math.min(left, timeout) < TOO_LITTLE * limit) throw cause;
    }
  }
}

function isInterruption(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
