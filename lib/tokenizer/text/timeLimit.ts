// A time limit around work that a model's files decide: a pattern may take exponential time on some texts, and nothing but
// V8's own interruption ends a match.

import { type Context, createContext, Script } from "node:vm";
import { RetemperError } from "../../errors.js";

/** Milliseconds that any text may take, and that each kilobyte may in addition; ordinary tokenizers need a fiftieth of it. */
const BASE_MS = 5_000;
const MS_A_KILOBYTE = 20;

const script = new Script("work()");
let context: Context | undefined;

/** What does the work, and where from, for messages. */
export interface TimedWork {
  readonly file?: string | undefined;
  readonly what: string;
  /** Of work that goes back and forth without end. */
  readonly hint: string;
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
 * @throws RetemperError BAD_INPUT naming the file, where there is one, when it takes too long, or more stack than there is.
 */
export function withTimeLimit<T>(length: number, { file, what, hint }: TimedWork, work: () => T): T {
  context ??= createContext(Object.create(null));
  const before = context.work;
  context.work = work;
  try {
    const timeout = Math.ceil(BASE_MS + (length / 1024) * MS_A_KILOBYTE);
    return script.runInContext(context, { timeout }) as T;
  } catch (cause) {
    if (cause instanceof RangeError) {
      // A pattern that remembers every character of a run, such as one over millions of letters without a space.
      throw new RetemperError("BAD_INPUT", `a part of the text is too long for ${what}: ${cause.message}`, {
        file,
        hint: "split the text",
        cause,
      });
    }
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw new RetemperError("BAD_INPUT", `${what} takes too long on this text`, {
      file,
      hint,
      cause,
    });
  } finally {
    context.work = before;
  }
}
