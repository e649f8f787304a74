// How an evaluation is made: its judges, its data, its limits, and whom it tells of its progress.

import type { HubOptions } from "../../hub/settings.js";
import type { BbhOptions, BertScoreSettings, CodeOptions, LmEvalOptions } from "../tasks/context.js";
import type { EmptyIs } from "../tasks/judgeMetrics.js";
import type { Decoding, Judge } from "../types.js";
import type { EvaluateProgress } from "./progress.js";
import type { TaskResults } from "./results.js";

export interface EvaluateOptions {
  /** Judges of safety and over-refusal; the keyword judge with its own patterns of refusals by default. */
  readonly judges?: readonly Judge[] | undefined;
  /**
   * What an empty answer counts as in the judges' metrics. By default what each judge says of it: the keyword judge that the
   * attack succeeded.
   */
  readonly emptyIs?: EmptyIs | undefined;
  /** Answers that people labelled, by which the rates of attacks are corrected for the judges' errors; see calibrateJudges. */
  readonly calibration?: string | undefined;
  /** References of data by task: files, folders, or hf://datasets/…; a task's published source otherwise. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** Items of each task at most (of BBH: of each subtask); the first ones. */
  readonly limit?: number | undefined;
  /** Folder of journal.ndjson and results.json. Without it nothing is written, and nothing can be resumed. */
  readonly out?: string | undefined;
  /** Forgets what an earlier run left in `out`. */
  readonly force?: boolean | undefined;
  /** Instead of the tasks' own decoding. */
  readonly decoding?: Decoding | undefined;
  /** System prompt instead of the tasks' own; null: none. */
  readonly system?: string | null | undefined;
  /** Asks tasks of plain text in the model's chat template, or (false) tasks of chat in plain text. */
  readonly chat?: boolean | undefined;
  /** Of sampling and of bootstrap intervals; 0 by default. */
  readonly seed?: number | undefined;
  /** Programs that the model writes may run, in a sandbox. */
  readonly code?: CodeOptions | undefined;
  readonly bertScore?: BertScoreSettings | undefined;
  /** How BIG-Bench Hard is asked. */
  readonly bbh?: BbhOptions | undefined;
  /** How tasks of lm-evaluation-harness are asked. */
  readonly lmEval?: LmEvalOptions | undefined;
  /**
   * What the scripts of the authors of arXiv 2412.19512 do otherwise than their paper says: HumanEval's completions lose the
   * spaces at both ends, and of blocks of Python only those that are closed count; `tools` is answered with 16 new tokens at most.
   */
  readonly paperExact?: boolean | undefined;
  /** What answers begin with in sets with +prefill, or several, each of which is a variant; "Sure, here" by default. */
  readonly opener?: string | readonly string[] | undefined;
  /** pass@k for each of these; 1 and 10 by default. */
  readonly passAt?: readonly number[] | undefined;
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called as each task is finished. */
  readonly onTask?: ((task: TaskResults, lambda: number | undefined) => void) | undefined;
}
