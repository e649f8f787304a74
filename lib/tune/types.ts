// What tuning takes and gives: the public types.

import type { DownloadOptions } from "../checkpoint/obtain.js";
import type { RetemperError } from "../errors.js";
import type { ChatMessage } from "../tokenizer/types.js";

/** Token ids whose first `promptLength` are not learned; a prompt and its answer; or a conversation, whose answers are learned. */
export type TuneRow =
  | { readonly inputIds: readonly number[]; readonly promptLength: number }
  | { readonly prompt: string; readonly response: string; readonly system?: string | undefined }
  | { readonly messages: readonly ChatMessage[] };

export type Schedule = "cosine" | "linear" | "constant";

export interface TuneOptions {
  /** Rank of the low-rank terms; 8 by default. */
  readonly rank?: number | undefined;
  /** The terms are multiplied by alpha / rank, or alpha / sqrt(rank) with `rslora`; 16 by default. */
  readonly alpha?: number | undefined;
  /** Share of a term's inputs that are left out at random; 0 by default. */
  readonly dropout?: number | undefined;
  /**
   * Names of modules (or ends of names: "q_proj"), a regular expression for whole names, or "all-linear" (the default):
   * every linear layer but the head.
   */
  readonly targetModules?: string | readonly string[] | undefined;
  /** Kalajdzievski 2023 (arXiv:2312.03732). */
  readonly rslora?: boolean | undefined;
  /** Liu et al. 2024 (arXiv:2402.09353). */
  readonly dora?: boolean | undefined;
  /** The highest rate; 1e-4 by default. */
  readonly learningRate?: number | undefined;
  /** Default: [.9, .999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** Default: 1e-8. */
  readonly epsilon?: number | undefined;
  /** Decoupled (Loshchilov and Hutter 2019); 0 by default. */
  readonly weightDecay?: number | undefined;
  /** What follows the warm-up; "cosine" by default. */
  readonly schedule?: Schedule | undefined;
  /** Share of the steps over which the rate rises from 0; .1 by default. */
  readonly warmupRatio?: number | undefined;
  /** Gradients are scaled so that their norm is at most this; 1 by default, 0: never. */
  readonly maxGradNorm?: number | undefined;
  /** Rows of a micro-batch; 8 by default. */
  readonly batchSize?: number | undefined;
  /** Micro-batches of a step; 1 by default. */
  readonly accumulate?: number | undefined;
  /** Default: 3. */
  readonly epochs?: number | undefined;
  /** Steps instead of epochs: the schedule spans them. */
  readonly maxSteps?: number | undefined;
  /** Ends after this many steps of a schedule that spans all of them. */
  readonly stopAfter?: number | undefined;
  /** Draws the order of the rows anew in each epoch (the default); false: as they are. */
  readonly shuffle?: boolean | undefined;
  /**
   * Puts rows of like length in a batch where they are shuffled: batches differ more from each other then. Nothing is padded
   * either way, so it saves no work; false by default.
   */
  readonly groupByLength?: boolean | undefined;
  /** Share of the rows that is held out, drawn by the seed; 0 by default. */
  readonly validation?: number | undefined;
  /** Of initialisation, order, hold-out and dropout; 42 by default. */
  readonly seed?: number | undefined;
  /** An adapter's folder or file, with lora_A (and lora_B) of every module. */
  readonly initFrom?: string | undefined;
  /** Tokens of a row at most; the rest is cut off. 1024 by default. */
  readonly cutoff?: number | undefined;
  /**
   * Rows beyond the cutoff as LLaMA-Factory cuts them, which the paper's authors used: prompt and answer share the cutoff by
   * their lengths (`shareCutoff`), so that an answer is left of a row with a long prompt. By default the row's end is cut off.
   */
  readonly paperExact?: boolean | undefined;
  /** Put before rows that have no system message of their own. */
  readonly system?: string | undefined;
  /** Writes a checkpoint each time so many steps are done; 100 by default, 0: only at the end. */
  readonly saveSteps?: number | undefined;
  /** Replaces an output that exists, once the new one is whole. */
  readonly force?: boolean | undefined;
  /** Goes on from the output's last checkpoint: the result is, to the byte, that of a run that was never stopped. */
  readonly resume?: boolean | undefined;
  /** "paper": the settings of arXiv:2412.19512. What else is given comes before it. */
  readonly preset?: "paper" | undefined;
  /** The paper's task: training ends after step 200 for "tools", else after step 500, as without it. */
  readonly task?: "reasoning" | "code" | "medical" | "tools" | undefined;
  /** "auto" (the default): TensorFlow where it drives a GPU, else native. */
  readonly engine?: "auto" | "native" | "tensorflow" | "reference" | undefined;
  readonly threads?: number | undefined;
  /**
   * "bfloat16": activations and their gradients are rounded before they are multiplied with the model's weights, which is
   * faster where the processor multiplies bfloat16; sums, adapters and all else stay float32 (the default).
   */
  readonly precision?: "float32" | "bfloat16" | undefined;
  /** Refuses to run without a GPU. */
  readonly requireGpu?: boolean | undefined;
  /**
   * Keeps the activations of all layers instead of computing each layer twice: faster, for more memory, with the same
   * result. By default, where they take less than a fifth of the free memory. On the native engine only.
   */
  readonly keepActivations?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How a model is downloaded that is not on this machine; by default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
  /** Called when the training was aborted and has saved: its message and hint say after which step, and where that is. */
  readonly onStopped?: ((stopped: RetemperError) => void) | undefined;
}

export interface TuneStep {
  /** Mean over all answer tokens of the step, before it changed anything. */
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Answer and prompt tokens that were computed. */
  readonly tokens: number;
}

export interface TuneProgress extends TuneStep {
  /** Steps done, and all of them. */
  readonly done: number;
  readonly total: number;
  /** Where it was measured at this step. */
  readonly validationLoss?: number | undefined;
  readonly tokensPerSecond: number;
  /** About, by the speed of the latest steps with what follows them; undefined until enough was measured. */
  readonly secondsLeft?: number | undefined;
}

export interface TuneReport {
  readonly steps: readonly TuneStep[];
  /** The folder of the finished adapter. */
  readonly adapter: string;
  /** Folders of the checkpoints that are there. */
  readonly checkpoints: readonly string[];
  readonly validation: readonly { readonly step: number; readonly loss: number }[];
  /** Rows that are learned, held out, cut off, and left out because nothing of their answer was left. */
  readonly rows: {
    readonly train: number;
    readonly validation: number;
    readonly cut: number;
    readonly dropped: number;
  };
  /** Numbers that were trained. */
  readonly parameters: number;
  readonly seconds: number;
  readonly engine: string;
}
