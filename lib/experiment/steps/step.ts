// A step of a run as a value: what it is made from, as typed digests, and what it left. Its key follows from these alone, so that a
// step that would come out otherwise is another step.

import type { Item, Task } from "../../evaluate/types.js";
import type { WeightsForm } from "../../generate/types.js";
import { type Digest, digestOf } from "../digests/digestOf.js";

/** tune: an adapter. learn: coefficients of a search. scale: adapters for a server. control: a model that a merge is compared with. answer: a model's answers. score: verdicts. proxy: what log-probabilities say of a merge. write, compare: a chosen merge. */
export type StepKind =
  | "tune"
  | "learn"
  | "scale"
  | "control"
  | "answer"
  | "score"
  | "calibrate"
  | "proxy"
  | "write"
  | "compare";

export type StepInputs = Readonly<Record<string, Digest | readonly Digest[] | undefined>>;

export interface Step {
  readonly kind: StepKind;
  /** For people; nothing is found by it. */
  readonly name: string;
  readonly inputs: StepInputs;
  readonly key: Digest<"step">;
  /** About how many tokens it takes, for the time left. */
  readonly work: number;
}

/** What a step says of itself when it is whole. */
export interface StepFacts {
  /** That models gave in this step; what was there before is not in it. */
  readonly newTokens: number;
  /** Items that lack an answer or a verdict all the same, as where a server failed: the next run tries them again. */
  readonly failed?: number | undefined;
  /** Prompt and answer tokens that a tuning learned from. */
  readonly tunedTokens?: number | undefined;
  readonly bytesWritten: number;
  /** What it made outside of its own folder. */
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[] | undefined;
}

/** What is kept of a step that is done. */
export interface StepRecord extends StepFacts {
  readonly format: "retemper-step/1";
  readonly kind: StepKind;
  readonly step: string;
  readonly inputs: StepInputs;
  readonly seconds: number;
  /** Who did it. */
  readonly worker: string;
}

/** What is left to do of a batch's steps: what a plan counts. */
export interface Remains {
  /** Answers that are missing, with the prompts that are read for them; of a tuning, the tokens that it learns from. */
  readonly answers?: readonly { readonly task: Task; readonly prompts: number; readonly answers: number }[] | undefined;
  /** How the weights are multiplied that answer, as `openModel` takes it; as usual where absent. */
  readonly weights?: WeightsForm | undefined;
  readonly learned?: number | undefined;
  /** Verdicts that are missing, by who gives them. */
  readonly verdicts?:
    | readonly { readonly scorer: string; readonly task: Task; readonly items: readonly Item[] }[]
    | undefined;
  /** Verdicts on answers that are given. */
  readonly labelled?: readonly { readonly request?: string | undefined; readonly answer: string }[] | undefined;
  /** Texts after prompts that are read and not written. */
  readonly read?: readonly { readonly task: Task; readonly texts: number }[] | undefined;
  /** Of inputs that methods make before they merge: tokens that the aligned model reads, and multiplications in float64. */
  readonly prepared?: { readonly tokens: number; readonly multiplications: number } | undefined;
  /** Models that are opened, and merges whose weights are made before they answer. */
  readonly opened?: number | undefined;
  readonly made?: number | undefined;
  /** That are written and stay, at least until the run ends. */
  readonly bytes?: number | undefined;
  /** Answers and verdicts that are missing and were not counted before; of other steps, steps. */
  readonly units: number;
  /** With those that are there; not told of other steps. */
  readonly all?: number | undefined;
  /** Whether anything is missing, counted before or not. */
  readonly pending: boolean;
}

/** Steps that are done at once, by one worker: the lambdas of one merge are asked together. */
export interface Batch {
  /** The same for every worker that has the same steps. */
  readonly key: Digest<"step">;
  /** Of those that have the same here, one is done at a time, whoever does it; by default the key. */
  readonly claim?: string | undefined;
  /** For people. */
  readonly name: string;
  /** For people: what a plan counts it to, with others; its name by default. */
  readonly part?: string | undefined;
  readonly steps: readonly Step[];
  /** Steps that must be done before. */
  readonly needs: readonly Digest<"step">[];
  /**
   * Does those of its steps that are not done.
   * @returns for each of them, in their order
   */
  work(todo: readonly Step[], context: StepContext): Promise<readonly StepFacts[]>;
  /** Whether it is of no use any more, so that it need not be done: what it makes passes. */
  needless?(): Promise<boolean>;
  /**
   * What is left of those of its steps that are not done. Nothing is done for it.
   * @param todo all steps, where answers and verdicts are counted
   * @param counted gets the answers and verdicts that are counted: batches may share some
   */
  remains?(todo: readonly Step[], counted: Set<string>): Promise<Remains>;
  /** Whether what a step made outside of its folder is still there, and is what it made; else it is done again. */
  intact?(record: StepRecord, step: Step): Promise<boolean>;
}

export interface StepContext {
  /** A step's own folder, which exists, with what a killed run of the same step left there. */
  folderOf(step: Step): Promise<string>;
  readonly signal: AbortSignal | undefined;
}

/** Changes where a step of the same inputs comes out otherwise than before. */
const VERSION = 1;

export function defineStep(
  kind: StepKind,
  name: string,
  inputs: StepInputs,
  { work = 0 }: { readonly work?: number | undefined } = {},
): Step {
  return { kind, name, inputs, work, key: digestOf("step", [VERSION, kind, inputs]) };
}

/** A step that is done by itself. */
export function single(
  step: Step,
  work: (context: StepContext) => Promise<StepFacts>,
  { needs = [], ...more }: Partial<Pick<Batch, "needs" | "intact" | "part" | "remains">> = {},
): Batch {
  return {
    ...{ key: step.key, name: step.name, steps: [step], needs },
    work: async (_, context) => [await work(context)],
    ...more,
  };
}
