// The sets of an experiment, loaded for the aligned model; where that is not there, for a model of which nothing is known, so that
// what is wrong with the sets is found all the same.

import { basename } from "node:path";
import { openEndpoint } from "../../endpoint/openEndpoint.js";
import { loadSuite } from "../../evaluate/run/loadSuite.js";
import type { BertScoreSettings } from "../../evaluate/tasks/context.js";
import { listTasks } from "../../evaluate/tasks/registry.js";
import { suiteWord } from "../../evaluate/tasks/suiteWord.js";
import type { Task } from "../../evaluate/types.js";
import { openModel } from "../../generate/openModel.js";
import type { EngineName, TextGenerator } from "../../generate/types.js";
import type { Path } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";
import { suggestion } from "../../recipe/suggest.js";
import { choosingWeights, engineOf } from "../settings/engineOf.js";
import { ABSENT } from "../settings/mend.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { sideSets } from "../settings/sideSets.js";
import { suiteOptions } from "../settings/suiteOptions.js";
import type { LoadedSkill } from "./arrangeSkills.js";
import { arrangeTasks } from "./arrangeTasks.js";
import { isAskedModel, promptProblems, setProblems } from "./askable.js";
import { allTasks } from "./askedTasks.js";
import type { Checked } from "./checked.js";
import { loadSplits } from "./seedSplits.js";

/** Given the open aligned model and the tasks, while it is open. @param secondsToOpen that it took */
export type Measure = (model: TextGenerator, tasks: Checked["tasks"], secondsToOpen: number) => Promise<void>;

interface SetOptions {
  readonly encoder: BertScoreSettings | undefined;
  readonly signal: AbortSignal | undefined;
  readonly measure: Measure | undefined;
}

/** It has all that sets ask of a model, and is never asked anything. */
const UNKNOWN_MODEL = { logprobs: undefined, tokenizer: undefined } as unknown as TextGenerator;

export async function checkSets(
  settings: ExperimentSettings,
  seeds: readonly string[],
  problems: Problems,
  { encoder, signal, measure }: SetOptions,
): Promise<{ readonly engine: EngineName } & Pick<Checked, "tasks" | "splits">> {
  const { safety, task, aligned } = settings;
  const endpoint = settings.engine?.endpoint;
  const open = async (): Promise<TextGenerator> =>
    endpoint
      ? openEndpoint(endpoint.url, { model: endpoint.model ?? aligned })
      : openModel(aligned, { ...engineOf(settings), ...choosingWeights(settings), signal });
  const started = performance.now();
  const model = aligned === ABSENT ? undefined : await problems.attempt(open, ["aligned"]);
  const secondsToOpen = (performance.now() - started) / 1000;
  try {
    const options = { ...suiteOptions(settings, encoder), signal };
    const loader =
      (part: Path) =>
      async (words: readonly string[], first = 0) => {
        const tasks: Task[] = [];
        for (const [at, word] of words.entries()) {
          const path = [...part, first + at];
          if (!isKnown(word, path, problems)) continue;
          tasks.push(
            ...((await problems.attempt(() => loadSuite(model ?? UNKNOWN_MODEL, [word], options), path)) ?? []),
          );
        }
        return tasks;
      };
    const skillsIn = async (words: readonly string[], path: Path) => {
      const load = loader(path);
      const found: LoadedSkill[] = [];
      for (const [at, word] of words.entries()) {
        const tasks = await load([word], at);
        const [only] = tasks;
        // several sets of one word are one skill, by the word's own name
        if (only) found.push({ name: tasks.length === 1 ? only.name : skillName(word), tasks });
      }
      return found;
    };
    const [skills, harmless] = [sideSets(settings, "skills"), sideSets(settings, "overRefusal")];
    const validation = await loadSplits(task.validation, seeds, loader(["task", "validation"]));
    const loaded = {
      safety: await loader(["safety", "sets"])(safety.sets),
      safetyTest: safety.test && (await loader(["safety", "test"])(safety.test)),
      validation: validation.tasks,
      test: await loader(["task", "test"])(task.test),
      overRefusal: await loader(harmless.path)(harmless.sets),
      overRefusalTest: harmless.test && (await loader(harmless.testPath)(harmless.test)),
      ...(skills.sets.length > 0 && {
        skills: {
          sets: await skillsIn(skills.sets, skills.path),
          test: skills.test && (await skillsIn(skills.test, skills.testPath)),
        },
      }),
    };
    const { tasks, problems: found } = arrangeTasks(loaded, settings);
    // of sets that are not all there, nothing can be said together
    if (!PARTS.some((part) => problems.touches(part))) {
      for (const { text, path } of [...found, ...setProblems(tasks)]) problems.add(text, "BAD_INPUT", { path });
    }
    if (!problems.any && model && isAskedModel(model)) {
      for (const text of promptProblems(aligned, model, allTasks({ tasks }))) problems.add(text);
    }
    if (!problems.any && model) await measure?.(model, tasks, secondsToOpen);
    return { engine: model?.facts.engine ?? "native", tasks, splits: validation.splits };
  } finally {
    await model?.close();
  }
}

/** "lm-eval:mmlu" is mmlu. */
function skillName(word: string): string {
  const { own, source = word } = suiteWord(word) ?? {};
  return own ?? basename(source).replace(/\.\w+$/, "");
}

const PARTS: readonly Path[] = [
  ["skills"],
  ["overRefusal"],
  ["safety", "sets"],
  ["safety", "test"],
  ["task", "validation"],
  ["task", "test"],
];

/** Whether a word of a suite begins with what there is. */
function isKnown(word: string, path: Path, problems: Problems): boolean {
  const kind = suiteWord(word)?.task;
  const known = listTasks().map(({ name }) => name.replace(/:(?:FILE|TASK)$/, ""));
  if (kind === undefined || known.includes(kind)) return true;
  const text = `${pathText(problems.given(path))}: there is no task or suite \`${kind}\``;
  problems.add(text, "BAD_RECIPE", { path, hint: suggestion(kind, [...new Set(known)]) });
  return false;
}
