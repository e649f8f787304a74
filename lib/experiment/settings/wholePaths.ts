// Paths of an experiment are relative to its file, whatever folder the run is started in: a file of the same name there is
// never taken instead.

import { existsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { hubName, meansHub } from "../../checkpoint/hubName.js";
import { locate } from "../../checkpoint/locate.js";
import { LM_EVAL, suiteWord } from "../../evaluate/tasks/suiteWord.js";
import { type JudgeSettings, judgeModelNamed, withJudgeModel } from "./judgeParts.js";
import { ABSENT } from "./mend.js";
import { rowsOf } from "./methodEntry.js";
import { modelParts, withParts } from "./modelParts.js";
import type { ExperimentSettings } from "./schema.js";
import { withSets } from "./sideSets.js";

type TuningSettings = NonNullable<ExperimentSettings["tune"]>;

/** The settings with every path whole; names of the hub stay as they are. @param folder of the experiment's file */
export async function wholePaths(settings: ExperimentSettings, folder: string): Promise<ExperimentSettings> {
  const exists = (text: string) => existsSync(resolve(folder, text));
  const data = (text: string) => (text.startsWith("hf://") ? text : resolve(folder, text));
  const suite = (words: readonly string[]) =>
    words.map((word) => {
      const { task, source } = suiteWord(word) ?? {};
      // a task of lm-evaluation-harness by its name is no path
      const isPath = source !== undefined && (task !== LM_EVAL || /\.ya?ml$/.test(source));
      return isPath ? word.slice(0, -source.length) + data(source) : word;
    });

  const { safety, task, tuned, tune, unaligned, safeModel, bertScore } = settings;
  const names = [
    ...[
      ...[settings.aligned || undefined, unaligned, safeModel, ...(tuned ?? []).map(({ model }) => model)],
      ...safety.judges.map((one) => judgeModelNamed(one) || undefined),
    ].flatMap((model) => (model === undefined ? [] : modelParts(model, exists).flatMap((part) => part?.path ?? []))),
    ...[bertScore?.model, ...(tuned ?? []).map(({ adapter }) => adapter)],
  ];
  const places = new Map<string, string>();
  for (const name of names) if (name !== undefined) places.set(name, await placeOf(name, folder));
  const path = (name: string) => places.get(name) ?? name;
  const model = (text: string) => withParts(text, path, exists);

  const judge = (one: JudgeSettings): JudgeSettings => {
    const name = judgeModelNamed(one);
    return name === undefined ? one : withJudgeModel(one, model(name));
  };
  return {
    ...settings,
    aligned: settings.aligned === ABSENT ? ABSENT : model(settings.aligned),
    ...(unaligned !== undefined && { unaligned: model(unaligned) }),
    ...(safeModel !== undefined && { safeModel: model(safeModel) }),
    ...(bertScore && { bertScore: { ...bertScore, model: path(bertScore.model) } }),
    ...(settings.data && {
      data: Object.fromEntries(Object.entries(settings.data).map(([name, source]) => [name, data(source)])),
    }),
    ...(tuned && {
      tuned: tuned.map((one) => ({
        ...one,
        ...(one.model !== undefined && { model: model(one.model) }),
        ...(one.adapter !== undefined && { adapter: path(one.adapter) }),
      })),
    }),
    methods: settings.methods.map((one) => {
      const rows = rowsOf(one);
      if (typeof one === "string" || rows === undefined) return one;
      return { ...one, parameters: { ...one.parameters, rows: resolve(folder, rows) } };
    }),
    ...(tune && { tune: { ...tune, data: data(tune.data), options: tuneOptions(tune.options, data) } }),
    safety: {
      ...safety,
      judges: safety.judges.map(judge),
      sets: suite(safety.sets),
      ...(safety.test && { test: suite(safety.test) }),
      ...(safety.calibration !== undefined && { calibration: data(safety.calibration) }),
    },
    task: { ...task, validation: suite(task.validation), test: suite(task.test) },
    ...(settings.skills && { skills: withSets(settings.skills, suite) }),
    ...(settings.overRefusal && { overRefusal: withSets(settings.overRefusal, suite) }),
  };
}

/** What lies beside the experiment; else a name of the hub, or the path that would have been there. */
async function placeOf(name: string, folder: string): Promise<string> {
  const place = resolve(folder, name);
  const [bare = name] = name.split("@");
  const onHub = hubName(bare);
  const isPath = isAbsolute(name) || onHub === undefined;
  if (existsSync(place) || isPath) return place;
  const found = () => locate({ path: name }, { cwd: folder });
  if (!existsSync(name)) {
    // What may be a path with a slip, beside the experiment or here, is none.
    if ((await meansHub(onHub, folder)) && (await meansHub(onHub, "."))) return name;
    return found().then(
      () => name,
      () => place,
    );
  }
  // Something in the working directory has this name: it is not what the experiment names.
  return found().catch(() => place);
}

/** `initFrom` is a path. */
function tuneOptions(options: TuningSettings["options"], path: (text: string) => string) {
  const { initFrom } = options ?? {};
  return initFrom !== undefined ? { ...options, initFrom: path(initFrom) } : options;
}
