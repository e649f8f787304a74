// A time limit around regular expressions that come with a model: some take exponential time on some texts, and nothing
// but V8's own interruption ends such a match.

import { type Context, createContext, Script } from "node:vm";
import { RetemperError } from "../../errors.js";

/** Milliseconds that any text may take, and that each further kilobyte may; ordinary patterns need a thousandth of it. */
const BASE_MS = 10_000;
const MS_A_KILOBYTE = 20;

const script = new Script("work()");
let context: Context | undefined;

/**
 * Runs synchronous work over a text of `length` characters; about 20 µs more than without.
 * @throws RetemperError BAD_INPUT naming `file` when it takes too long.
 */
export function withTimeLimit<T>(length: number, file: string, work: () => T): T {
  context ??= createContext(Object.create(null));
  const before = context.work;
  context.work = work;
  try {
    const timeout = Math.ceil(BASE_MS + (length / 1024) * MS_A_KILOBYTE);
    return script.runInContext(context, { timeout }) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw new RetemperError("BAD_INPUT", "a pattern of the tokenizer takes too long on this text", {
      file,
      hint: "the pattern backtracks without end; get the tokenizer from a source that you trust",
      cause,
    });
  } finally {
    context.work = before;
  }
}
