// The public surface of the library: names that stay.

export { batch } from "./batch/batch.js";
export type {
  BatchEntry,
  BatchEntryResult,
  BatchOptions,
  BatchProgress,
  BatchReport,
  EntryOptions,
  EntryStatus,
  StageResult,
} from "./batch/types.js";
export type { AdapterFacts, DtypeFacts, ModelFacts, TensorFacts } from "./checkpoint/inspect.js";
export { type ErrorCode, type ErrorFacts, EXIT_STATUS, RetemperError } from "./errors.js";
export { parseWildGuard, type WildGuardAnswer } from "./evaluate/judges/parseWildGuard.js";
export { passAtK } from "./evaluate/metrics/passAtK.js";
export {
  type Program,
  type ProgramResult,
  type RunProgramsOptions,
  runPrograms,
  type SandboxFacts,
} from "./evaluate/sandbox/runPrograms.js";
export {
  type AttackSuccess,
  attackSuccessRate,
  type HarmJudgement,
  type HarmVerdict,
} from "./evaluate/statistics/attackSuccessRate.js";
export { wilson } from "./evaluate/statistics/wilson.js";
export {
  type SetupOptions,
  setupTensorflow,
  type TensorflowSetup,
} from "./generate/engines/tensorflow/setup/setupTensorflow.js";
export { type DistanceOptions, distances } from "./merge/distance.js";
export { type InspectOptions, inspect } from "./merge/inspect.js";
export { merge } from "./merge/merge.js";
export type { MergeOptions, MergePhase, MergeProgress, PlanOptions, SweepOptions } from "./merge/options.js";
export { plan } from "./merge/plan.js";
export type {
  MergePlan,
  MergeReport,
  OutputFile,
  PlannedTensor,
  SweepPoint,
  SweepReport,
  TensorSummary,
  VerifyReport,
} from "./merge/report.js";
export { sweep } from "./merge/sweep.js";
export { type VerifyOptions, verify } from "./merge/verify.js";
export type { Estimate } from "./plan/estimate.js";
export type { UnmatchedTensor } from "./plan/request.js";
export type { NativeDeviceReport as DeviceReport, NativeFacts as MergeFacts } from "./plan/types.js";
export { METHOD_NAMES, type MethodName } from "./recipe/methods.js";
export type { Recipe } from "./recipe/types.js";
export { openTokenizer } from "./tokenizer/openTokenizer.js";
export type { ChatMessage, TextStream, Tokenizer } from "./tokenizer/types.js";
