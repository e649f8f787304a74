// `retemper/generate`: models that answer, here or at an endpoint, their tokenizers and encoders.
import "../activations/provide.js"; // recipes of safe_delta

export { compareBehaviour } from "../behave/compareBehaviour.js";
export type {
  AnswerComparison,
  BehaviourMerge,
  BehaviourOptions,
  BehaviourReport,
  BehaviourServer,
  BehaviourSource,
  Cause,
  CauseName,
  DistributionComparison,
  Divergence,
  LineFit,
  SideFacts,
  Sureness,
  TextComparison,
  TextDifference,
  VerdictComparison,
  WeightComparison,
} from "../behave/types.js";
export type { Endpoint, EndpointOptions } from "../endpoint/endpoint.js";
export { openEndpoint } from "../endpoint/openEndpoint.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export {
  type LogitProxies,
  type LogitProxyOptions,
  logitProxies,
  type ProxyData,
} from "../experiment/proxies/logitProxies.js";
export { openWithAdapters } from "../generate/adapterFolder.js";
export { type AnswerRecord, type NamedPrompt, recordOf } from "../generate/answers/answerLine.js";
export { type GenerateFileOptions, type GenerateFileReport, generateFile } from "../generate/answers/generateFile.js";
export { openModel } from "../generate/openModel.js";
export type {
  CacheElements,
  ChosenVariants,
  ContinuationScore,
  ContinuedInput,
  EngineFacts,
  EngineName,
  GenerateOptions,
  GenerateProgress,
  Generation,
  GenerationFailure,
  GenerationPiece,
  Model,
  ModelDescription,
  ModelOptions,
  ModelWeights,
  NextLogprobs,
  NextLogprobsOptions,
  Precision,
  Prompt,
  ScoringOptions,
  TensorDescription,
  TextGenerator,
  TokenLogprob,
  TokenName,
  WeightsForm,
  WhichVariant,
} from "../generate/types.js";
export type { AdapterFolder } from "../generate/variantTypes.js";
export { adapterFidelity } from "../generate/virtual/adapterFidelity.js";
export { BLOCK_QUANTISATIONS, type BlockQuantisation } from "../merge/formats/gguf/inBlocks.js";
export type { EncoderOptions, OpenEncoder } from "../nn/encoders/encoder.js";
export { openClassifier, type SequenceClassifier } from "../nn/encoders/openClassifier.js";
export { openEncoder } from "../nn/encoders/openEncoder.js";
export type { EngineOptions, Fidelity, LocalEngineName } from "../nn/engines/engineTypes.js";
export type { TensorflowVariant } from "../nn/engines/tensorflow/libraryFolders.js";
export type { IntegerWeights } from "../plan/integerWeights.js";
export type { SetupProgress } from "../setup/setupReporter.js";
export {
  type SetupOptions,
  setupTensorflow,
  type TensorflowSetup,
} from "../setup/setupTensorflow.js";
export { openTokenizer } from "../tokenizer/openTokenizer.js";
export type { ChatMessage, TemplateOptions, TextStream, Tokenizer } from "../tokenizer/types.js";
