// The experiments of a study: each task with each model. A path of such an experiment leads back to where it stands in the
// study's text.

import type { Path } from "../../recipe/located.js";
import { MODEL_KEYS, SHARED_KEYS, type StudyText, TASK_KEYS } from "./schema.js";

/** One task with one model, as the text of an experiment. */
export interface Pair {
  readonly task: string;
  readonly model: string;
  /** False where the study names no task, or no model: what they share is looked at all the same. */
  readonly named: boolean;
  readonly experiment: Readonly<Record<string, unknown>>;
  /** undefined: it stands nowhere in the study, which has something else wrong. */
  readonly placeOf: (path: Path) => Path | undefined;
}

/** Stands for what a study does not name, so that all else of it can be checked. */
const NONE = "none";

type Mapping = Readonly<Record<string, unknown>>;

/** @param study without what is wrong with its tunings */
export function pairsOf(study: StudyText): Pair[] {
  const tasks = Object.keys(study.tasks);
  const models = Object.keys(study.models);
  return (models.length > 0 ? models : [NONE]).flatMap((model) =>
    (tasks.length > 0 ? tasks : [NONE]).map((task) => pairOf(study, task, model)),
  );
}

function pairOf(study: StudyText, task: string, model: string): Pair {
  const ofTask: Mapping | undefined = study.tasks[task];
  const ofModel: Mapping | undefined = study.models[model];
  const experiment: Record<string, unknown> = { name: `${study.name}: ${task}, ${model}` };
  for (const key of SHARED_KEYS) {
    const own = [
      ...(TASK_KEYS.includes(key) ? [ofTask?.[key]] : []),
      ...(MODEL_KEYS.includes(key) ? [ofModel?.[key]] : []),
    ];
    const value = own.reduce(over, study[key]);
    if (value !== undefined) experiment[key] = value;
  }
  const named = (text: string, seed?: unknown) => {
    const words: Mapping = { task, model, ...(seed !== undefined && { seed }) };
    return text.replace(/\{(task|model|seed)\}/g, (whole, word: string) => String(words[word] ?? whole));
  };
  const { tuned, tune, seeds } = study;
  if (ofModel) Object.assign(experiment, pick(ofModel, ["aligned", "unaligned"]));
  else experiment.aligned = NONE;
  experiment.task = ofTask ? pick(ofTask, ["validation", "test", "label"]) : { validation: [NONE], test: [NONE] };
  if (tuned) {
    experiment.tuned = [...new Set(seeds)].map((seed) => ({
      seed,
      ...(tuned.adapter !== undefined && { adapter: named(tuned.adapter, seed) }),
      ...(tuned.model !== undefined && { model: named(tuned.model, seed) }),
    }));
  }
  if (tune) experiment.tune = { ...tune, data: named(tune.data), ...(seeds && { seeds: [...new Set(seeds)] }) };

  const isOwn = (owner: Mapping | undefined, [key, inner]: Path) => {
    const value = owner?.[String(key)];
    return value !== undefined && (!isMapping(value) || inner === undefined || Object.hasOwn(value, String(inner)));
  };
  const placeOf = (path: Path): Path | undefined => {
    const [key, ...rest] = path;
    if (key === undefined) return path;
    if (key === "task") return ofTask && ["tasks", task, ...rest];
    if (key === "aligned" || key === "unaligned") return ofModel && ["models", model, key, ...rest];
    if (key === "tuned") return ["tuned", ...rest.filter((part) => typeof part === "string" && part !== "seed")];
    if (key === "tune" && rest[0] === "seeds") return ["seeds", ...rest.slice(1)];
    if (key === "name") return undefined;
    if (MODEL_KEYS.includes(key as never) && isOwn(ofModel, path)) return ["models", model, ...path];
    if (TASK_KEYS.includes(key as never) && isOwn(ofTask, path)) return ["tasks", task, ...path];
    return path;
  };
  return { task, model, named: ofTask !== undefined && ofModel !== undefined, experiment, placeOf };
}

/** What is more special comes first; of mappings key by key. */
function over(general: unknown, special: unknown): unknown {
  if (special === undefined) return general;
  return isMapping(general) && isMapping(special) ? { ...general, ...special } : special;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pick(from: Mapping, keys: readonly string[]): Mapping {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}
