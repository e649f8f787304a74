// `retemper/merge`, and all of `@retemper/core`: merges, sweeps and batches, their plans, and what is in checkpoints.

export type { Dtype } from "../addon/dtype.js";
export type {
  BlockFormatName,
  Fp8Codes,
  IntegerBlocks,
  NativeDeviceReport as DeviceReport,
  NativeFacts as MergeFacts,
  OpName,
  ReadingMode,
  WritingMode,
  WrittenBlocks,
} from "../addon/nativePlan.js";
export { batch } from "../batch/batch.js";
export { planBatch } from "../batch/planBatch.js";
export type {
  BatchEntry,
  BatchEntryResult,
  BatchOptions,
  BatchPlan,
  BatchProgress,
  BatchReport,
  EntryOptions,
  EntryStatus,
  PlannedEntry,
  PlannedStage,
  StageResult,
} from "../batch/types.js";
export type { LayerStack } from "../checkpoint/families.js";
export type { AdapterFacts, DtypeFacts, ModelFacts, TensorFacts } from "../checkpoint/inspect.js";
export type { DownloadOptions, DownloadProgress } from "../checkpoint/obtain.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { AdapterReport, AdapterTensorReport } from "../merge/adapter/adapterReport.js";
export {
  type ComparedChanges,
  type ComparedTensor,
  type CompareTensorsOptions,
  compareTensors,
  type TensorChangeFacts,
  type TensorComparison,
} from "../merge/compareTensors.js";
export { type ConvertOptions, convert } from "../merge/convert.js";
export { distances } from "../merge/distance.js";
export { type ExtractOptions, extract } from "../merge/extract.js";
export { type InspectOptions, inspect } from "../merge/inspect.js";
export { merge } from "../merge/merge.js";
export type { DistanceOptions } from "../merge/openCompared.js";
export type {
  MergeOptions,
  MergePhase,
  MergeProgress,
  OutputFormat,
  PlanOptions,
  SweepOptions,
} from "../merge/options.js";
export { type PlanOnlyOptions, plan } from "../merge/plan.js";
export { planSweep } from "../merge/planSweep.js";
export type { Gate as ModuleGate, ReadingCost } from "../merge/prepared/types.js";
export { type PulledRepository, type PullOptions, type PullReport, pull } from "../merge/pull.js";
export type {
  MergePlan,
  MergeReport,
  OutputFile,
  PlannedAdapter,
  PlannedFile,
  PlannedPoint,
  PlannedPreparation,
  PlannedTensor,
  SweepPlan,
  SweepPoint,
  SweepReport,
  TensorSummary,
  VerifyReport,
} from "../merge/report.js";
export { sweep } from "../merge/sweep.js";
export type { SurveyOptions } from "../merge/sweepSurvey.js";
export { type VerifyOptions, verify } from "../merge/verify.js";
export type { Estimate } from "../plan/estimate.js";
export type { GgufQuantisation } from "../plan/gguf/quantise.js";
export type { UnmatchedTensor } from "../plan/request.js";
export { METHOD_NAMES, type MethodName } from "../recipe/methods.js";
export type { FloatDtypeName, Recipe } from "../recipe/types.js";
