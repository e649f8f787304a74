// `retemper/statistics`: intervals and tests for what was measured.

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export { type Agreement, agreement } from "../statistics/agreement.js";
export { type AreaUnderCurve, areaUnderCurve } from "../statistics/areaUnderCurve.js";
export {
  type AttackSuccess,
  attackSuccessRate,
  type HarmJudgement,
  type HarmVerdict,
} from "../statistics/attackSuccessRate.js";
export {
  type BootstrapOptions,
  bootstrapMean,
  type MeanInterval,
  type PairedDifference,
  pairedBootstrap,
} from "../statistics/bootstrap.js";
export {
  type CorrectedRate,
  type CorrectedRateInput,
  correctedRate,
  type JudgeCalibration,
} from "../statistics/correctedRate.js";
export { type CrossedInterval, type CrossedIntervalOptions, crossedInterval } from "../statistics/crossedInterval.js";
export {
  differenceAtEqualScore,
  type EqualScoreDifference,
  type EqualScoreInput,
  type ThreeModels,
} from "../statistics/differenceAtEqualScore.js";
export { holm } from "../statistics/holm.js";
export { type ItemsNeeded, type ItemsNeededInput, itemsNeeded } from "../statistics/itemsNeeded.js";
export { type ItemsToKeep, type ItemsToKeepInput, itemsToKeep } from "../statistics/itemsToKeep.js";
export { type McNemarResult, mcnemar } from "../statistics/mcnemar.js";
export {
  type PairedBound,
  type PairedDifferenceOptions,
  pairedDifference,
} from "../statistics/pairedDifference.js";
export {
  type PredictionPowered,
  type PredictionPoweredInput,
  predictionPowered,
} from "../statistics/predictionPowered.js";
export { rankCorrelation } from "../statistics/rankCorrelation.js";
export {
  type RankCorrelationInterval,
  type RankCorrelationIntervalOptions,
  rankCorrelationInterval,
} from "../statistics/rankCorrelationInterval.js";
export { type ReliabilityBin, type ReliabilityCurve, reliabilityCurve } from "../statistics/reliabilityCurve.js";
export type { ItemOptions, SeedValues } from "../statistics/seedValues.js";
export { type ShareKept, type ShareKeptInput, shareKept } from "../statistics/shareKept.js";
export { type Slope, type SlopeOptions, slopeOverLambda } from "../statistics/slopeOverLambda.js";
export { spentLevels } from "../statistics/spentLevels.js";
export { type Spread, spread } from "../statistics/spread.js";
export { wilson } from "../statistics/wilson.js";
