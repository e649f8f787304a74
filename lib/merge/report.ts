// What a merge, a plan and a verification answer.

import type { Dtype } from "../addon/dtype.js";
import type { Fp8Codes, NativeDeviceReport, NativeFacts, OpName, WrittenBlocks } from "../addon/nativePlan.js";
import type { Estimate } from "../plan/estimate.js";
import type { UnmatchedTensor } from "../plan/request.js";
import type { MethodName } from "../recipe/methods.js";
import type { AdapterReport } from "./adapter/adapterReport.js";
import type { Gate, ReadingCost } from "./prepared/types.js";

export interface OutputFile {
  /** Relative to the output folder. */
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export interface TensorSummary {
  readonly tensors: number;
  /** Tensors taken over byte for byte. */
  readonly copied: number;
  /** Names of tensors with NaN or infinite values in the result, and how many values these are. */
  readonly nonFinite: readonly { readonly name: string; readonly values: number }[];
  /** slerp, nuslerp: share of the vectors that were too close to parallel and took the straight line. */
  readonly straightShare?: number;
  /** Sparsifying methods: share of delta elements kept, mean over tensors. */
  readonly keptShare?: number;
}

export interface MergeReport {
  /** Absolute path of the output folder. */
  readonly out: string;
  readonly method: MethodName;
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes read and written per second of the tensor phase, in 10^9. */
  readonly gigabytesPerSecond: number;
  readonly files: readonly OutputFile[];
  readonly tensors: TensorSummary;
  readonly facts: readonly NativeFacts[];
  readonly unmatched: readonly UnmatchedTensor[];
  readonly warnings: readonly string[];
  readonly version: string;
  readonly target: string;
  readonly threads: number;
  /** The GPUs and what they computed; absent when everything ran on the CPU. */
  readonly device?: NativeDeviceReport;
  /** With `format: "adapter"`: what the adapter keeps of the merge. */
  readonly adapter?: AdapterReport;
  /** Of a method with gates (safe_lora, safemerge): what they decided of each module, in the order of their names. */
  readonly gates?: readonly Gate[];
  /** The estimate that was made before the start. */
  readonly estimate: Estimate;
}

/** One output of a sweep. */
export interface SweepPoint {
  /** Of its folder: `lambda-0.1`, `lambda-0.1_density-0.5`. */
  readonly name: string;
  /** What the grid sets here; `lambdas` is the weight of the fine-tuned model. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Absolute path of its folder. */
  readonly out: string;
  readonly files: readonly OutputFile[];
  readonly tensors: TensorSummary;
  /** As in `MergeReport`. */
  readonly gates?: readonly Gate[];
}

export interface SweepReport {
  /** Absolute path of the folder of the points. */
  readonly out: string;
  readonly method: MethodName;
  readonly points: readonly SweepPoint[];
  /**
   * How often the inputs were read: once, unless the outputs' buffers or files are too many for one pass. Adapters
   * (`outAdapter`) are made one by one.
   */
  readonly passes: number;
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes read and written per second of the tensor phases, in 10^9. */
  readonly gigabytesPerSecond: number;
  readonly unmatched: readonly UnmatchedTensor[];
  readonly warnings: readonly string[];
  readonly version: string;
  readonly target: string;
  readonly threads: number;
  /** The GPUs and what they computed in each pass; absent when everything ran on the CPU. */
  readonly device?: NativeDeviceReport;
}

export interface PlannedTensor {
  readonly name: string;
  readonly op: OpName;
  /** As safetensors names it; of a GGUF file's blocks, as GGUF does. */
  readonly dtype: Dtype | WrittenBlocks | Fp8Codes;
  readonly shape: readonly number[];
  readonly inputs: readonly string[];
  /** The output file that will hold it. */
  readonly file: string;
}

/** A tensor file that a merge would write, or the index of several. */
export interface PlannedFile {
  /** Relative to the output folder. */
  readonly path: string;
  readonly bytes: number;
}

/** With `format: "adapter"`: what the adapter would be. */
export interface PlannedAdapter {
  /** The model that it lies on. */
  readonly base: string;
  /** The tensors of the base that it would change by a product of thin matrices. */
  readonly products: readonly {
    readonly name: string;
    /** The highest that the product can have. */
    readonly rank: number;
    /** Whether nothing is left out, but for `energy`. */
    readonly exact: boolean;
  }[];
  /** Tensors that it would hold whole, where they differ from the base's. */
  readonly whole: readonly string[];
}

/** What a method takes that makes inputs before it merges. Of `safe_delta`, whose aligned model reads rows, with what is read. */
export interface PlannedPreparation extends Partial<ReadingCost> {
  /** On the disk at most, until the merge is done. */
  readonly bytes: number;
}

/** What a merge would do; nothing but headers and configuration was read. */
export interface MergePlan {
  readonly method: MethodName;
  readonly tensors: readonly PlannedTensor[];
  readonly files: readonly PlannedFile[];
  /** How many tensors each operation makes. */
  readonly operations: Readonly<Partial<Record<OpName, number>>>;
  readonly unmatched: readonly UnmatchedTensor[];
  readonly warnings: readonly string[];
  /** Absent for other formats. */
  readonly adapter?: PlannedAdapter;
  /** As in `MergeReport`; for these the models were read. */
  readonly gates?: readonly Gate[];
  /** Absent for methods that make no inputs. What is read is absent too where a model is not on this machine. */
  readonly preparation?: PlannedPreparation;
  readonly estimate: Estimate;
}

/** One output that a sweep would write. */
export interface PlannedPoint extends Pick<SweepPoint, "name" | "parameters"> {
  readonly files: readonly PlannedFile[];
}

/** What a sweep would do; nothing but headers and configuration was read. */
export interface SweepPlan {
  readonly method: MethodName;
  readonly points: readonly PlannedPoint[];
  /** How often the inputs would be read. */
  readonly passes: number;
  /** Tensors of each point. */
  readonly tensors: number;
  readonly unmatched: readonly UnmatchedTensor[];
  readonly warnings: readonly string[];
  /** Of all points together; `bytesRead` over all passes. */
  readonly estimate: Estimate;
}

export interface VerifyReport {
  readonly out: string;
  /** True when every file is as it was written and none is missing or unlisted. */
  readonly ok: boolean;
  readonly files: readonly { readonly path: string; readonly ok: boolean; readonly problem?: string }[];
  /** One sentence for each thing that is wrong. */
  readonly problems: readonly string[];
  readonly bytes: number;
}

/** Sums the engine's facts up for the report. */
export function summarize(facts: readonly NativeFacts[], copied: number): TensorSummary {
  const vectors = facts.reduce((sum, fact) => sum + (fact.vectors ?? 0), 0);
  const straight = facts.reduce((sum, fact) => sum + (fact.straight ?? 0), 0);
  const kept = facts.flatMap((fact) => (fact.kept === undefined ? [] : [fact.kept]));
  return {
    tensors: facts.length,
    copied,
    nonFinite: facts.filter((fact) => fact.nonFinite > 0).map(({ name, nonFinite }) => ({ name, values: nonFinite })),
    ...(vectors > 0 && { straightShare: straight / vectors }),
    ...(kept.length > 0 && { keptShare: kept.reduce((sum, share) => sum + share, 0) / kept.length }),
  };
}
