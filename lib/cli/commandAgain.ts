// The command that goes on with one that was stopped, to be copied from the terminal.

/** How the second command differs from the one that was stopped. */
export interface Again {
  /** Before the command; by default, that what is done is kept. */
  readonly words?: string | undefined;
  /** Flags that it needs. */
  readonly add?: readonly string[] | undefined;
  /** Flags that would throw away what is there. */
  readonly without?: readonly string[] | undefined;
}

/**
 * The hint of an error that a signal made.
 * @param args as the shell gave them, without the program
 */
export function commandAgain(program: string, args: readonly string[], again: Again): string {
  const { words = "what is done is kept; go on with", add = [], without = [] } = again;
  const kept = args.filter((word) => !without.includes(word));
  const command = [program, ...kept, ...add.filter((word) => !kept.includes(word))];
  return `${words}: ${command.map(quoted).join(" ")}`;
}

/** As a POSIX shell reads one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
