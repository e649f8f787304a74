// An experiment that is not as its schema wants it, without what is wrong: so that everything else of it can be checked in the same
// go. Nothing is run of a mended experiment; what was wrong is an error in the end.

import type { z } from "zod";
import type { Path } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";
import { type SchemaFault, schemaFaults } from "../../recipe/schemaFaults.js";
import { valueAt } from "../../recipe/valueAt.js";
import { GivenPaths } from "./givenPaths.js";
import { type ExperimentSettings, experimentSchema } from "./schema.js";

export interface Mended {
  /** Without what is wrong; undefined where nothing of it can be read. */
  readonly settings: ExperimentSettings | undefined;
  /** With paths as they were given. */
  readonly faults: readonly SchemaFault[];
  /** The path, as it was given, of a value of the settings. */
  readonly given: (path: Path) => Path;
  /** The settings without what stands in for what is missing, once all else of them is done. */
  readonly emptied: (settings: ExperimentSettings) => ExperimentSettings;
}

/** Stands for a model, or for data, that an experiment does not name: what depends on it cannot be checked. */
export const ABSENT = "";

/** Keys that belong into another mapping. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  ...inside("select", ["rule", "margin", "by", "level", "minGain", "gate", "keep", "corrected", "everySeed"]),
  ...inside("safety", ["sets", "judges", "calibration", "emptyIs", "openers", "opener"]),
  ...inside("task", ["validation", "test"]),
  ...inside("decoding", ["maxNewTokens", "repetitionPenalty", "samples"]),
  ...inside("engine", ["endpoint", "precision", "cache", "threads", "weights"]),
  ...inside("parameters", ["density", "weight"]),
  ...inside("lmEval", ["fewshot", "fewshotSeed"]),
  seeds: "write it under `tune`; models that are tuned already have a seed each under `tuned`",
};

function inside(mapping: string, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, `write it under \`${mapping}\``]));
}

/** What the schema takes in place of what is required and missing. */
const STAND_INS: Readonly<Record<string, unknown>> = {
  aligned: "absent",
  methods: ["linear"],
  safety: { sets: ["absent"] },
  "safety.sets": ["absent"],
  task: { validation: ["absent"], test: ["absent"] },
  "task.validation": ["absent"],
  "task.test": ["absent"],
  "tune.data": "absent",
};

/** Each round takes away what hid the faults of the next one. */
const MOST_ROUNDS = 24;
/** Each is mended by copies of what holds it. */
const MOST_FAULTS = 1000;

/** What a text should be: its schema, keys that users write in the wrong place, and what stands in for what is missing. */
export interface Form<T> {
  readonly schema: z.ZodType<T>;
  readonly elsewhere: Readonly<Record<string, string>>;
  /** By the text of the path. */
  readonly standIns: Readonly<Record<string, unknown>>;
}

export interface MendedForm<T> extends Pick<Mended, "faults" | "given"> {
  readonly settings: T | undefined;
  /** Paths of what stands in. */
  readonly filled: ReadonlySet<string>;
}

export function mend(experiment: unknown): Mended {
  const form = { schema: experimentSchema, elsewhere: ELSEWHERE, standIns: STAND_INS };
  const { filled, ...mended } = mendBy<ExperimentSettings>(form, experiment);
  return { ...mended, emptied: (settings) => withoutStandIns(settings, filled) };
}

/** The same for any text with a schema. */
export function mendBy<T>({ schema, elsewhere, standIns }: Form<T>, given: unknown): MendedForm<T> {
  const places = new GivenPaths();
  const filled = new Set<string>();
  const faults: SchemaFault[] = [];
  let value = given;
  let renamed: Path[] = [];
  const nothing = (): MendedForm<T> => ({ settings: undefined, faults, given: places.of, filled });
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { settings: parsed.data, faults, given: places.of, filled };
    const found = withoutConsequences(schemaFaults(schema, value, elsewhere));
    // later rounds find what follows from mending, but for what stood under a misspelled key
    const told = round === 0 ? found : found.filter(({ path }) => renamed.some((key) => isWithin(path, key)));
    faults.push(...told.map((fault) => ({ ...fault, path: places.of(fault.path) })));
    if (found.length > MOST_FAULTS) return nothing();
    renamed = [];
    for (const { kind, target, meant } of targetsOf(found, standIns)) {
      const [parent, key] = [target.slice(0, -1), target.at(-1)];
      if (key === undefined) return nothing();
      if (kind === "missing" && Object.hasOwn(standIns, pathText(target))) {
        value = changed(value, parent, (owner) => ({ ...owner, [key]: standIns[pathText(target)] }));
        filled.add(pathText(target));
      } else if (kind === "wrong" && meant !== undefined) {
        value = replaced(value, target, meant);
      } else if (meant !== undefined && valueAt(value, [...parent, meant]) === undefined) {
        value = changed(value, parent, ({ [key as string]: own, ...rest }) => ({ ...rest, [meant]: own }));
        places.rename(parent, key as string, meant);
        renamed.push([...parent, meant]);
      } else {
        const list = valueAt(value, parent);
        if (Array.isArray(list)) places.remove(parent, key as number, list.length);
        value = removed(value, target);
      }
    }
  }
  return nothing();
}

/** A key that is missing is not told where it is there, misspelled. */
function withoutConsequences(found: readonly SchemaFault[]): SchemaFault[] {
  const misspelled = new Set(
    found.flatMap(({ path, meant }) => (meant === undefined ? [] : pathText([...path.slice(0, -1), meant]))),
  );
  return found.filter(({ kind, path }) => kind !== "missing" || !misspelled.has(pathText(path)));
}

/** What is taken away or put in, once each: from the inside out, and lists from their ends, so that all paths stay right. */
function targetsOf(found: readonly SchemaFault[], standIns: Form<unknown>["standIns"]) {
  const targets = new Map<string, Pick<SchemaFault, "kind" | "meant"> & { readonly target: Path }>();
  for (const { kind, path, meant } of found) {
    // nothing stands in for it: what lacks it is taken away as a whole
    const whole = kind === "missing" && !Object.hasOwn(standIns, pathText(path));
    const target = whole ? path.slice(0, -1) : path;
    targets.set(pathText(target), { kind, target, meant });
  }
  const last = (path: Path) => (typeof path.at(-1) === "number" ? (path.at(-1) as number) : -1);
  return [...targets.values()].sort((a, b) => b.target.length - a.target.length || last(b.target) - last(a.target));
}

function isWithin(path: Path, prefix: Path): boolean {
  return prefix.every((part, at) => path[at] === part);
}

function withoutStandIns(settings: ExperimentSettings, filled: ReadonlySet<string>): ExperimentSettings {
  const { safety, task, tune } = settings;
  const all = (key: string, sets: string[]) => (filled.has(key) || filled.has(key.split(".")[0] ?? "") ? [] : sets);
  return {
    ...settings,
    aligned: filled.has("aligned") ? ABSENT : settings.aligned,
    methods: filled.has("methods") ? [] : settings.methods,
    safety: { ...safety, sets: all("safety.sets", safety.sets) },
    task: {
      ...task,
      validation: all("task.validation", task.validation),
      test: all("task.test", task.test),
    },
    ...(tune && { tune: { ...tune, data: filled.has("tune.data") ? ABSENT : tune.data } }),
  };
}

type Mapping = Record<string, unknown>;

/** A copy in which the mapping at a path is another one. */
function changed(root: unknown, path: Path, change: (owner: Mapping) => Mapping): unknown {
  return replaced(root, path, change(valueAt(root, path) as Mapping));
}

/** A copy with another value at a path. */
function replaced(root: unknown, path: Path, by: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return by;
  if (Array.isArray(root)) return root.map((one, at) => (at === part ? replaced(one, rest, by) : one));
  return { ...(root as Mapping), [part]: replaced((root as Mapping)[part as string], rest, by) };
}

/** A copy without the member at a path. */
function removed(root: unknown, path: Path): unknown {
  const [part, ...rest] = path;
  if (Array.isArray(root)) {
    if (rest.length === 0) return root.filter((_, at) => at !== part);
    return root.map((one, at) => (at === part ? removed(one, rest) : one));
  }
  const { [part as string]: member, ...kept } = root as Mapping;
  return rest.length === 0 ? kept : { ...kept, [part as string]: removed(member, rest) };
}
