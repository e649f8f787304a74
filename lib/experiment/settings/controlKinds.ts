// The controls of an experiment: other ways to change less, that a merge has to beat at the same task score.

/** How a control comes about, and what its points differ in. */
interface ControlFacts {
  /** In sentences. */
  readonly words: string;
  /** "lambda": merged with the aligned model as the tuned one is. "values": models of their own. "checkpoints": those of the tuning. */
  readonly by: "lambda" | "values" | "checkpoints";
  /** What it is made from: any tuned model, one with an adapter, or further tunings. */
  readonly from: "model" | "adapter" | "tune";
  /** Of "values": what its points are called by, and what they may be. */
  readonly parameter?: string;
  readonly fits?: readonly [wanted: string, (value: number) => boolean];
  /** Whether the models of higher values are nearer to the aligned one. */
  readonly falls?: boolean;
}

const WHOLE = ["a whole number of at least 1", (value: number) => Number.isInteger(value) && value >= 1] as const;
const POSITIVE = ["a number above 0", (value: number) => value > 0] as const;
const SHARE = ["above 0 and below 1", (value: number) => value > 0 && value < 1] as const;

export const CONTROLS = {
  random: { words: "the random direction", by: "lambda", from: "model" },
  shuffled_entries: { words: "the change with shuffled entries", by: "lambda", from: "model" },
  shuffled_layers: { words: "the change with shuffled layers", by: "lambda", from: "model" },
  lower_rank: { words: "a lower rank", by: "values", from: "adapter", parameter: "rank", fits: WHOLE },
  early_stopping: { words: "early stopping", by: "checkpoints", from: "tune", parameter: "step" },
  weight_decay: {
    ...{ words: "weight decay", by: "values", from: "tune", parameter: "decay", fits: POSITIVE },
    falls: true,
  },
  dropout: { words: "dropout", by: "values", from: "tune", parameter: "share", fits: SHARE, falls: true },
  learning_rate: { words: "a lower learning rate", by: "values", from: "tune", parameter: "rate", fits: POSITIVE },
} as const satisfies Readonly<Record<string, ControlFacts>>;

export type ControlKind = keyof typeof CONTROLS;

export const CONTROL_KINDS = Object.keys(CONTROLS) as [ControlKind, ...ControlKind[]];

export function controlFacts(kind: ControlKind): ControlFacts {
  return CONTROLS[kind];
}
