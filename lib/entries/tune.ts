// `retemper/tune`: training of adapters, and the data for it.

export { coefficientGradients } from "../attribute/coefficientGradients.js";
export type { CoefficientGradient, CoefficientGradients, CoefficientOptions } from "../attribute/coefficientTypes.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { TrainingSetName } from "../tune/sets/sets.js";
export { TRAINING_SETS } from "../tune/sets/sets.js";
export {
  makeTrainingData,
  type TrainingDataFile,
  type TrainingDataOptions,
  type TrainingDataReport,
} from "../tune/sets/trainingData.js";
export { tune } from "../tune/tune.js";
export type { Schedule, TuneOptions, TuneProgress, TuneReport, TuneRow, TuneStep } from "../tune/types.js";
