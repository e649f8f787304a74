// What the steps that make an adapter's tensors share: joining, approximating, keeping whole.

import type { Addon } from "../../addon/surface.js";
import type { InputFiles } from "../../plan/inputFiles.js";
import type { MergeOptions } from "../options.js";
import type { Remainder } from "./adapterReport.js";
import type { KeptTensor } from "./assemble.js";
import type { AdapterPlan } from "./plannedAdapter.js";
import type { ScratchFile } from "./scratchFile.js";

/** What each step needs. */
export interface AdapterWork {
  readonly plan: AdapterPlan;
  /** For files of steps in between. */
  readonly folder: string;
  /** The files of the merge's plan, by its numbers. */
  readonly files: InputFiles;
  readonly options: MergeOptions;
  readonly addon: Addon;
  readonly scratch: ScratchFile;
  /** Bytes made since the last call. */
  readonly made: (bytes: number) => void;
}

export interface FactorRemainder extends Remainder {
  readonly module: string;
  /** A layer whose weights are stored [inputs, outputs]. */
  readonly isTransposed: boolean;
}

/** What a step made. */
export interface AdapterPieces {
  readonly tensors: readonly KeptTensor[];
  readonly remainders: readonly FactorRemainder[];
  /** Names in the base of the tensors that are kept whole, and the running model's modules of these. */
  readonly whole: readonly string[];
  readonly saved: readonly string[];
  /** True where biases of adapted modules are kept. */
  readonly biases: boolean;
  readonly bytesRead: number;
}
