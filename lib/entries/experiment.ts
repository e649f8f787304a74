// `retemper/experiment`: from models to the merge to ship: runs, choices among merges, reports.
import "../activations/provide.js"; // recipes of safe_delta

export { type AttributeOptions, attribute } from "../attribute/attribute.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { PlannedCost } from "../experiment/plan/planCosts.js";
export type { PlannedItems } from "../experiment/plan/plannedItems.js";
export type { PlannedJudge } from "../experiment/plan/plannedJudges.js";
export type { ItemsOfParts, PlannedKeep } from "../experiment/plan/plannedKeeps.js";
export type { PlannedRows } from "../experiment/plan/plannedRows.js";
export { type PlannedRun, type PlannedStep, type PlanRunOptions, planRun } from "../experiment/plan/planRun.js";
export { type LambdaTableEnds, lambdaTable } from "../experiment/results/lambdaTable.js";
export { type RunOptions, run } from "../experiment/run.js";
export { experimentJsonSchema } from "../experiment/settings/jsonSchema.js";
export type { Experiment } from "../experiment/settings/schema.js";
export { EXPERIMENT_TEMPLATE } from "../experiment/settings/template.js";
export type { EndedStep, RunProgress } from "../experiment/steps/progress.js";
export type { Partition } from "../output/partition.js";
export type {
  AttributedDifference,
  AttributedGroup,
  AttributionAgreement,
  AttributionResults,
  GroupGradients,
  RestoredGroup,
  TensorGradients,
} from "../report/attribution/types.js";
export type { BesideLinear, BesideLinearResults, EqualNumber } from "../report/besideLinearTypes.js";
export { comparisonReport } from "../report/comparison/comparisonReport.js";
export type {
  ProxyAgreement,
  ProxyCandidate,
  ProxyName,
  ProxyQuantity,
  ProxyResults,
  ProxyScreening,
} from "../report/proxyTypes.js";
export { type ReportOptions, readExperiment, report } from "../report/report.js";
export type {
  Finalist,
  SearchChoice,
  SearchedCandidate,
  SearchedGroup,
  SearchedPoint,
  SearchFront,
  SearchNumbers,
  SearchResults,
  SearchWay,
  WayCosts,
} from "../report/search/types.js";
export type { ExperimentStatus } from "../report/status.js";
export type {
  AskedSet,
  ControlComparison,
  ControlCurve,
  ControlResults,
  DataParts,
  ExampleAnswers,
  ExperimentCosts,
  ExperimentResults,
  FormBehaviour,
  FormInShort,
  ItemName,
  ItemNames,
  JudgeReliability,
  Measured,
  MeasuredCandidate,
  PairedTest,
  RefinedResults,
  Requantised,
  ShippedForm,
  ShippedModel,
  ShipResults,
  ShortNumbers,
  Trend,
  TurnedRefusals,
  WrittenAgreement,
  WrittenModel,
} from "../report/types.js";
export { type Watch, type WatchOptions, watch } from "../report/watch.js";
export type { SearchOptions } from "../search/openSearch.js";
export { type PlannedSearch, planSearch } from "../search/planSearch.js";
export { search } from "../search/search.js";
export type { ComparisonOptions } from "../select/compareWithGate.js";
export type { SelectionSource } from "../select/completeTable.js";
export { confirm } from "../select/confirmChoice.js";
export { type Gate, parseGate } from "../select/gate.js";
export { knee } from "../select/knee.js";
export { type Outlook, outlook, type Reachable } from "../select/outlook.js";
export { paretoFront } from "../select/pareto.js";
export { type ReadTable, readTable } from "../select/readTable.js";
export { select } from "../select/select.js";
export type {
  Better,
  BoundBasis,
  Candidate,
  Choice,
  CompleteRule,
  Confirmation,
  GateMetric,
  GateVerdict,
  Labels,
  NearestCandidate,
  Point,
  Quantity,
  RuleName,
  SafetyBound,
  Selection,
  SelectionRule,
  SelectionTable,
  ShareKept,
  SkillFacts,
  VariedParameter,
  Verdict,
} from "../select/types.js";
export { withoutItems } from "../select/withoutItems.js";
