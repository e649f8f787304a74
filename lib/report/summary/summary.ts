// The first screen of a report, as data: what the run decided, in three numbers, and what to do with it.

/** "ships": chosen, and nothing speaks against it. "note": chosen, with something to read first. "no": nothing is to be shipped. */
export type Mark = "ships" | "note" | "no";

/** One of the three numbers. */
export interface KeyNumber {
  /** What it is, such as "of the gain kept". */
  readonly label: string;
  readonly value: string;
  /** How sure it is: an interval, or a bound with what is allowed. */
  readonly interval?: string | undefined;
  /** The numbers that it is made from. */
  readonly from: string;
  /** Whether it keeps what the rule demands; absent where the rule demands nothing of it. */
  readonly keeps?: boolean | undefined;
}

/** How to use what ships. */
export interface UseIt {
  readonly folder: string;
  /** Where the folder is a link: what it leads to. */
  readonly leadsTo?: string | undefined;
  readonly command: string;
  /** Of several seeds: which, "Seed 42 of 3". */
  readonly seed?: string | undefined;
}

export interface Summary {
  readonly mark: Mark;
  /** "Ships", "Ships, with a note", "Does not ship". */
  readonly title: string;
  /** What: "linear at lambda 0.4", or what there is instead. */
  readonly what: string;
  readonly because: string;
  /** What the weights of the forms that ship cost; one sentence each. */
  readonly forms: readonly string[];
  /** What to read first, where the mark is "note" or "no". */
  readonly notes: readonly string[];
  /** Whose numbers they are, and of which data. */
  readonly numbersOf: string;
  readonly numbers: readonly KeyNumber[];
  readonly use?: UseIt | undefined;
  readonly next: string;
  /** What it would take to decide better. */
  readonly better: readonly string[];
}
