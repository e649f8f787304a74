// The public surface of the library: names that stay.

export type { NativeDeviceReport as DeviceReport, NativeFacts as MergeFacts } from "./addon/nativePlan.js";
export { batch } from "./batch/batch.js";
export { planBatch } from "./batch/planBatch.js";
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
} from "./batch/types.js";
export type { AdapterFacts, DtypeFacts, ModelFacts, TensorFacts } from "./checkpoint/inspect.js";
export type { Endpoint, EndpointOptions } from "./endpoint/endpoint.js";
export { openEndpoint } from "./endpoint/openEndpoint.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "./errors.js";
export type { DataFacts, DataFile } from "./evaluate/data/loadRows.js";
export { type BertScoreModelOptions, bertScore } from "./evaluate/encoders/bertScore.js";
export { type OpenBertScoreOptions, openBertScore } from "./evaluate/encoders/openBertScore.js";
export { type Classifier, type ClassifierJudgeOptions, classifierJudge } from "./evaluate/judges/classifierJudge.js";
export { type KeywordJudgeOptions, keywordJudge, PHRASE_LISTS } from "./evaluate/judges/keywordJudge.js";
export type { JudgeModel } from "./evaluate/judges/modelJudge.js";
export { parseWildGuard, type WildGuardAnswer } from "./evaluate/judges/parseWildGuard.js";
export { type PatternJudgeOptions, patternJudge } from "./evaluate/judges/patternJudge.js";
export { type WildGuardOptions, wildGuardJudge, wildGuardPrompt } from "./evaluate/judges/wildGuard.js";
export { type BertScoreOptions, type BertScores, bertScoreWith, type Encoder } from "./evaluate/metrics/bertScore.js";
export { sameCall } from "./evaluate/metrics/functionCall.js";
export { passAtK } from "./evaluate/metrics/passAtK.js";
export { type RougeScore, rougeL, rougeN } from "./evaluate/metrics/rouge.js";
export {
  acrossSeeds,
  type Comparison,
  compare,
  type MetricComparison,
  type TaskComparison,
} from "./evaluate/run/compare.js";
export { type EvaluateOptions, evaluate, evaluateLambdas } from "./evaluate/run/evaluate.js";
export type { EvaluateProgress } from "./evaluate/run/progress.js";
export { readResults } from "./evaluate/run/readResults.js";
export type {
  ItemResult,
  JudgeAgreement,
  Measure,
  Results,
  ScoreResult,
  TaskResults,
} from "./evaluate/run/results.js";
export {
  type Program,
  type ProgramCheck,
  type ProgramResult,
  type RunProgramsOptions,
  runPrograms,
  type SandboxFacts,
} from "./evaluate/sandbox/runPrograms.js";
export { bbhPrompt, readBbhPreamble } from "./evaluate/tasks/bbh.js";
export type { BertScoreSettings, CodeOptions } from "./evaluate/tasks/context.js";
export { listTasks, type SuiteEntry, suiteEntries, type TaskListing } from "./evaluate/tasks/registry.js";
export { toolPrompt } from "./evaluate/tasks/toolCalls.js";
export type {
  Answer,
  Decoding,
  Exchange,
  Item,
  Judge,
  JudgeValues,
  MetricOfItem,
  Score,
  ScoredItem,
  ScoreOptions,
  Scorer,
  Task,
  TaskKind,
  Values,
} from "./evaluate/types.js";
export { experimentJsonSchema } from "./experiment/jsonSchema.js";
export { type PlannedRun, type PlannedStep, planRun } from "./experiment/planRun.js";
export type { RunProgress } from "./experiment/progress.js";
export { type RunOptions, run } from "./experiment/run.js";
export type { Experiment } from "./experiment/schema.js";
export { EXPERIMENT_TEMPLATE } from "./experiment/template.js";
export { type AnswerRecord, type NamedPrompt, recordOf } from "./generate/answers/answerLine.js";
export { type GenerateFileOptions, type GenerateFileReport, generateFile } from "./generate/answers/generateFile.js";
export { openModel } from "./generate/openModel.js";
export type {
  EngineFacts,
  EngineName,
  GenerateOptions,
  GenerateProgress,
  Generation,
  GenerationFailure,
  GenerationPiece,
  Model,
  ModelOptions,
  Precision,
  Prompt,
  TextGenerator,
} from "./generate/types.js";
export { type DistanceOptions, distances } from "./merge/distance.js";
export { type InspectOptions, inspect } from "./merge/inspect.js";
export { merge } from "./merge/merge.js";
export type { MergeOptions, MergePhase, MergeProgress, PlanOptions, SweepOptions } from "./merge/options.js";
export { plan } from "./merge/plan.js";
export { planSweep } from "./merge/planSweep.js";
export type {
  MergePlan,
  MergeReport,
  OutputFile,
  PlannedFile,
  PlannedPoint,
  PlannedTensor,
  SweepPlan,
  SweepPoint,
  SweepReport,
  TensorSummary,
  VerifyReport,
} from "./merge/report.js";
export { sweep } from "./merge/sweep.js";
export { type VerifyOptions, verify } from "./merge/verify.js";
export type { EncoderOptions } from "./nn/encoders/encoder.js";
export { openClassifier, type SequenceClassifier } from "./nn/encoders/openClassifier.js";
export { openEncoder } from "./nn/encoders/openEncoder.js";
export type { Estimate } from "./plan/estimate.js";
export type { UnmatchedTensor } from "./plan/request.js";
export { METHOD_NAMES, type MethodName } from "./recipe/methods.js";
export type { Recipe } from "./recipe/types.js";
export { type ReportOptions, readExperiment, report } from "./report/report.js";
export type { ExperimentStatus } from "./report/status.js";
export type {
  ExampleAnswers,
  ExperimentCosts,
  ExperimentResults,
  Measured,
  MeasuredCandidate,
  PairedTest,
  Trend,
  WrittenAgreement,
  WrittenModel,
} from "./report/types.js";
export { type Watch, type WatchOptions, watch } from "./report/watch.js";
export { type Gate, parseGate } from "./select/gate.js";
export { knee } from "./select/knee.js";
export { paretoFront } from "./select/pareto.js";
export { readTable } from "./select/readTable.js";
export { select } from "./select/select.js";
export type {
  Candidate,
  Choice,
  CompleteRule,
  Point,
  Quantity,
  RuleName,
  Selection,
  SelectionRule,
  SelectionTable,
} from "./select/types.js";
export type { ServeDefaults, ServedRequest, ServeOptions } from "./serve/options.js";
export { type ModelServer, serve } from "./serve/serve.js";
export {
  type SetupOptions,
  setupTensorflow,
  type TensorflowSetup,
} from "./setup/setupTensorflow.js";
export { type Agreement, agreement } from "./statistics/agreement.js";
export {
  type AttackSuccess,
  attackSuccessRate,
  type HarmJudgement,
  type HarmVerdict,
} from "./statistics/attackSuccessRate.js";
export {
  type BootstrapOptions,
  bootstrapMean,
  type MeanInterval,
  type PairedDifference,
  pairedBootstrap,
} from "./statistics/bootstrap.js";
export { type McNemarResult, mcnemar } from "./statistics/mcnemar.js";
export { type Spread, spread } from "./statistics/spread.js";
export { wilson } from "./statistics/wilson.js";
export { openTokenizer } from "./tokenizer/openTokenizer.js";
export type { ChatMessage, TextStream, Tokenizer } from "./tokenizer/types.js";
export type { TrainingSetName } from "./tune/sets/sets.js";
export { TRAINING_SETS } from "./tune/sets/sets.js";
export {
  makeTrainingData,
  type TrainingDataFile,
  type TrainingDataOptions,
  type TrainingDataReport,
} from "./tune/sets/trainingData.js";
export { tune } from "./tune/tune.js";
export type { Schedule, TuneOptions, TuneProgress, TuneReport, TuneRow, TuneStep } from "./tune/types.js";
