// `retemper/study`: several tasks with several models in one run and one report; studies pooled.
import "../activations/provide.js"; // recipes of safe_delta

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { RunProgress } from "../experiment/steps/progress.js";
export { mergeStudies } from "../study/mergeStudies.js";
export { type PlannedExperiment, planStudy } from "../study/planStudy.js";
export { readStudyResults } from "../study/results/readStudyResults.js";
export type {
  ItemKind,
  StudyCell,
  StudyItem,
  StudyModel,
  StudyPart,
  StudyResults,
  StudyRow,
} from "../study/results/types.js";
export { studyReport } from "../study/results/writeStudy.js";
export { type RunStudyOptions, runStudy, type StudyProgress } from "../study/runStudy.js";
export type { Study } from "../study/settings/schema.js";
export { STUDY_TEMPLATE } from "../study/settings/template.js";
