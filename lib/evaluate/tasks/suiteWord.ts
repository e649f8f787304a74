// A word of a suite in its parts, for whoever asks what it names.

/** Tasks of lm-evaluation-harness, by their names there or by their files. */
export const LM_EVAL = "lm-eval";

export interface SuiteWord {
  /** The name before an equals sign. */
  readonly own: string | undefined;
  /** A task, a suite, or a kind of files. */
  readonly task: string;
  /** Words behind a plus sign: `prefill+best8`. */
  readonly variant: string | undefined;
  /** What stands behind the colon. */
  readonly source: string | undefined;
}

/** `own=task+variant:source`, of which the task must be there; undefined for what is no word of a suite. */
export function suiteWord(word: string): SuiteWord | undefined {
  const found = /^(?:([\w.-]+)=)?([\w.-]+)(?:\+([\w.-]+(?:\+[\w.-]+)*))?(?::(.+))?$/s.exec(word);
  if (!found) return undefined;
  const [, own, task = "", variant, source] = found;
  return { own, task, variant, source };
}
