// `retemper/evaluate`: tasks, judges and metrics, and what they make of answers.

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { DataFacts, DataFile } from "../evaluate/data/loadRows.js";
export { type BertScoreModelOptions, bertScore } from "../evaluate/encoders/bertScore.js";
export { type OpenBertScoreOptions, openBertScore } from "../evaluate/encoders/openBertScore.js";
export { type Classifier, type ClassifierJudgeOptions, classifierJudge } from "../evaluate/judges/classifierJudge.js";
export { type KeywordJudgeOptions, keywordJudge, PHRASE_LISTS } from "../evaluate/judges/keywordJudge.js";
export type { JudgeModel } from "../evaluate/judges/modelJudge.js";
export { parseWildGuard, type WildGuardAnswer, type WildGuardVerdict } from "../evaluate/judges/parseWildGuard.js";
export { type PatternJudgeOptions, patternJudge } from "../evaluate/judges/patternJudge.js";
export { type WildGuardOptions, wildGuardJudge, wildGuardPrompt } from "../evaluate/judges/wildGuard.js";
export {
  type BertScoreOptions,
  type BertScores,
  bertScoreWith,
  type Encoder,
  type PairScore,
} from "../evaluate/metrics/bertScore.js";
export { sameCall } from "../evaluate/metrics/functionCall.js";
export { passAtK } from "../evaluate/metrics/passAtK.js";
export { type RougeScore, rougeL, rougeN } from "../evaluate/metrics/rouge.js";
export { calibrateJudges } from "../evaluate/run/calibrate.js";
export {
  acrossSeeds,
  type Comparison,
  compare,
  type MetricComparison,
  type TaskComparison,
} from "../evaluate/run/compare.js";
export { evaluate, evaluateLambdas } from "../evaluate/run/evaluate.js";
export type { EvaluateOptions } from "../evaluate/run/evaluateOptions.js";
export { judgeAlarms } from "../evaluate/run/judgeAlarms.js";
export type { JudgeDisagreement } from "../evaluate/run/judgeDisagreements.js";
export type { JudgedModel } from "../evaluate/run/judgedAnswers.js";
export type { Suite } from "../evaluate/run/loadSuite.js";
export type { EvaluateProgress } from "../evaluate/run/progress.js";
export { readLambdaResults } from "../evaluate/run/readLambdaResults.js";
export { readResults } from "../evaluate/run/readResults.js";
export type {
  AlarmAnswer,
  CalibratedJudge,
  Calibration,
  ItemResult,
  JudgeAgreement,
  JudgeAlarm,
  Measure,
  Results,
  ScoreResult,
  ShareInterval,
  TaskResults,
} from "../evaluate/run/results.js";
export type { ScoreAnswersOptions } from "../evaluate/run/scoreAnswers.js";
export {
  type Program,
  type ProgramCheck,
  type ProgramResult,
  type RunProgramsOptions,
  runPrograms,
  type SandboxFacts,
} from "../evaluate/sandbox/runPrograms.js";
export { type BbhPreamble, bbhPrompt, readBbhPreamble } from "../evaluate/tasks/bbh.js";
export type { BbhOptions, BertScoreSettings, CodeOptions } from "../evaluate/tasks/context.js";
export type { EmptyIs } from "../evaluate/tasks/judgeMetrics.js";
export { listTasks, type SuiteEntry, suiteEntries, type TaskListing } from "../evaluate/tasks/registry.js";
export { toolPrompt } from "../evaluate/tasks/toolCalls.js";
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
} from "../evaluate/types.js";
export type { HubOptions } from "../hub/settings.js";
