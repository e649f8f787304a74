// Work of the engine on an instruction set of one's choice.

/** Sets the engine's target while `start` runs: a name of `describe().targets`, or "" for the fastest one. undefined: what is set. */
export async function withTarget<T>(target: string | undefined, start: () => Promise<T>): Promise<T> {
  if (target === undefined) return start();
  const before = process.env.RETEMPER_FORCE_TARGET;
  process.env.RETEMPER_FORCE_TARGET = target;
  try {
    return await start();
  } finally {
    if (before === undefined) delete process.env.RETEMPER_FORCE_TARGET;
    else process.env.RETEMPER_FORCE_TARGET = before;
  }
}
