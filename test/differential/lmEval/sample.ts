// What runHarness.py writes.

/** One item of a task under one filter: what the harness asked, what its model answered, and the scores. */
export interface Sample {
  readonly doc: number;
  readonly filter: string;
  readonly arguments: readonly (readonly string[])[];
  readonly responses: readonly (readonly unknown[])[];
  readonly scores: Readonly<Record<string, number | readonly number[]>>;
}
