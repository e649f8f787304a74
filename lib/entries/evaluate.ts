// `retemper/evaluate`: tasks, judges and metrics, and what they make of answers.

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { DataFacts, DataFile } from "../evaluate/data/loadRows.js";
export { type BertScoreModelOptions, bertScore } from "../evaluate/encoders/bertScore.js";
export { type OpenBertScoreOptions, openBertScore } from "../evaluate/encoders/openBertScore.js";
export { type Classifier, type ClassifierJudgeOptions, classifierJudge } from "../evaluate/judges/classifierJudge.js";
export {
  type HarmBenchOptions,
  type HarmBenchWording,
  harmBenchJudge,
  harmBenchPrompt,
} from "../evaluate/judges/harmBench.js";
export {
  type JailbreakBenchOptions,
  jailbreakBenchJudge,
  jailbreakBenchPrompt,
} from "../evaluate/judges/jailbreakBench.js";
export type { NamedJudgeOptions } from "../evaluate/judges/judgeOptions.js";
export { type KeywordJudgeOptions, keywordJudge, PHRASE_LISTS } from "../evaluate/judges/keywordJudge.js";
export {
  LLAMA_GUARD_CATEGORIES,
  type LlamaGuardAnswer,
  llamaGuard3Judge,
  llamaGuard3Prompt,
  parseLlamaGuard,
} from "../evaluate/judges/llamaGuard3.js";
export type { JudgeModel } from "../evaluate/judges/modelJudge.js";
export { JUDGE_NAMES, type NamedJudge, namedJudge } from "../evaluate/judges/namedJudges.js";
export { type OrBenchClass, orBenchJudge, orBenchPrompt, parseOrBench } from "../evaluate/judges/orBench.js";
export { parseWildGuard, type WildGuardAnswer, type WildGuardVerdict } from "../evaluate/judges/parseWildGuard.js";
export { type PatternJudgeOptions, patternJudge } from "../evaluate/judges/patternJudge.js";
export {
  parseQwen3Guard,
  type Qwen3GuardAnswer,
  type Qwen3GuardOptions,
  qwen3GuardJudge,
  qwen3GuardPrompt,
} from "../evaluate/judges/qwen3Guard.js";
export {
  parseShieldGemma,
  SHIELD_GEMMA_GUIDELINES,
  shieldGemmaJudge,
  shieldGemmaPrompt,
} from "../evaluate/judges/shieldGemma.js";
export {
  type StrongRejectAnswers,
  type StrongRejectOptions,
  strongRejectJudge,
  strongRejectPrompt,
} from "../evaluate/judges/strongReject.js";
export {
  parseStrongRejectRubric,
  type StrongRejectGrades,
  strongRejectRubricJudge,
  strongRejectRubricPrompt,
} from "../evaluate/judges/strongRejectRubric.js";
export { type WildGuardOptions, wildGuardJudge, wildGuardPrompt } from "../evaluate/judges/wildGuard.js";
export { type ComplianceClass, parseXsTest, xsTestJudge, xsTestPrompt } from "../evaluate/judges/xsTest.js";
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
  JudgeProbabilities,
  Measure,
  Results,
  ScoreResult,
  ShareInterval,
  TaskResults,
  ThresholdRates,
  VariantRates,
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
export type { BbhOptions, BertScoreSettings, CodeOptions, LmEvalOptions } from "../evaluate/tasks/context.js";
export type { EmptyIs } from "../evaluate/tasks/judgeMetrics.js";
export { listTasks, type SuiteEntry, suiteEntries, type TaskListing } from "../evaluate/tasks/registry.js";
export { toolPrompt } from "../evaluate/tasks/toolCalls.js";
export type {
  Answer,
  Continuation,
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
  Stress,
  Task,
  TaskKind,
  Values,
} from "../evaluate/types.js";
export type { HubOptions } from "../hub/settings.js";
