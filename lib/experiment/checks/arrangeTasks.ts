// Which sets choose and which confirm: no prompt may do both.

import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import { promptDigest } from "../../evaluate/tasks/context.js";
import type { Task } from "../../evaluate/types.js";
import { type Gate, parseGate } from "../../select/gate.js";
import { gateOf } from "../../select/rule.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { arrangeSkills, isSame, type LoadedSkill, type LoadedSkills } from "./arrangeSkills.js";
import type { Checked } from "./checked.js";
import { gateProblems } from "./gateProblems.js";
import { betterOf } from "./labels.js";
import type { SetProblem } from "./setProblem.js";
import { splitTasks } from "./split.js";

/** Sets as they were loaded; `safetyTest` and `overRefusalTest` where the experiment gives others for the test. */
export interface LoadedSets extends Pick<Checked["tasks"], "safety" | "validation" | "test"> {
  readonly safetyTest?: readonly Task[] | undefined;
  readonly overRefusal?: readonly Task[] | undefined;
  readonly overRefusalTest?: readonly Task[] | undefined;
  readonly skills?: LoadedSkills | undefined;
}

/** The sets as they are asked, and what is wrong with them. */
export function arrangeTasks(
  loaded: LoadedSets,
  { safety, select }: Pick<ExperimentSettings, "safety" | "select">,
): { readonly tasks: Checked["tasks"]; readonly problems: readonly SetProblem[] } {
  const declared = new Set(safety.selectedByAligned);
  const sets = loaded.safety.map((task) => marked(task, declared));
  const given = loaded.safetyTest?.map((task) => marked(task, declared));
  const looks = looksAtSafety(select);
  const split = given === undefined && looks;
  // what safety asks as well is asked once
  const isNew = (task: Task, of: readonly Task[]) => !of.some((one) => isSame(one, task));
  const harmless = (loaded.overRefusal ?? []).filter((task) => isNew(task, sets));
  const harmlessTest = loaded.overRefusalTest?.filter((task) => isNew(task, given ?? []));
  const splitHarmless = harmlessTest === undefined && looks;
  const toHalve = [...(split ? sets : []), ...(splitHarmless ? harmless : [])];
  const halves = splitTasks(toHalve);
  const gate = readGate(select);
  const { validation, test } = loaded;
  const skills = arrangeSkills(loaded.skills ?? { sets: [] }, {
    ...{ validation, test, halve: looks, chooseBy: gate?.skills ?? [] },
  });
  const halved = toHalve.filter((task) => !isOutsideOfChoice(task)).map(({ name }) => name);
  const tasks: Checked["tasks"] = {
    safety: [...(split ? [] : sets), ...(splitHarmless ? [] : harmless), ...halves.choose],
    safetyTest: [
      ...(split ? [] : (given ?? sets)),
      ...(splitHarmless ? [] : (harmlessTest ?? harmless)),
      ...halves.confirm,
    ],
    ...{ validation, test, split },
    halved: new Set([...halved, ...(skills.halved ?? [])]),
    ...(loaded.skills && { skills: skills.skills, skillsTest: skills.skillsTest, skillOf: skills.skillOf }),
  };
  const names = new Set([...sets, ...(given ?? [])].map(({ name }) => name));
  const problems = [
    ...kindProblems(tasks, sets),
    ...sameFiles("task", validation, test),
    ...(given ? sameFiles("safety", sets, given) : []),
    ...(harmlessTest ? sameFiles("overRefusal", harmless, harmlessTest) : []),
    ...(loaded.skills?.test ? sameFiles("skills", tasksIn(loaded.skills.sets), tasksIn(loaded.skills.test)) : []),
    ...[...(loaded.overRefusal ?? []), ...(loaded.overRefusalTest ?? [])]
      .filter(({ kind }) => kind !== "over-refusal")
      .map(({ name }) => ({
        text: `${name} is no set of harmless requests: its place is safety.sets`,
        path: ["overRefusal"],
      })),
    ...skills.problems,
    ...[...declared]
      .filter((name) => !names.has(name))
      .map((name) => ({
        text: `safety.selectedByAligned names ${name}, and there is no such set: there are ${[...names].join(", ")}`,
        path: ["safety", "selectedByAligned"],
      })),
    ...mixedMetrics("validation", validation),
    ...mixedMetrics("test", test),
    // a gate that cannot be read is told of where the settings are read
    ...(gate ? gateProblems(gate, tasks) : []).map(({ text, of }) => ({
      text,
      path: ["select", ...(of !== undefined && select[of] !== undefined ? [of] : ["gate"])],
    })),
  ];
  return { tasks, problems };
}

/** Whether a rule or its gate chooses by what the sets of safety, over-refusal and skills say; "score" alone does not. */
export function looksAtSafety(select: ExperimentSettings["select"]): boolean {
  return select.rule !== "score" || (readGate(select)?.metrics.some((metric) => metric !== "score") ?? false);
}

/** The whole gate of a rule, whatever skills it names. */
function readGate(select: ExperimentSettings["select"]): Gate | undefined {
  const gate = gateOf(select);
  return gate === undefined ? undefined : parseGate(gate, "any");
}

function tasksIn(skills: readonly LoadedSkill[]): Task[] {
  return skills.flatMap(({ tasks }) => tasks);
}

/** Prompts of validation that the test asks as well. */
export function sharedPrompts({ validation, test }: Pick<Checked["tasks"], "validation" | "test">): number {
  const digests = (tasks: readonly Task[]) =>
    new Set(
      tasks.flatMap(({ items }) => items.map(({ prompt, request }) => promptDigest(prompt === "" ? request : prompt))),
    );
  const tested = digests(test);
  return [...digests(validation)].filter((digest) => tested.has(digest)).length;
}

function marked(task: Task, declared: ReadonlySet<string>): Task {
  return declared.has(task.name) ? { ...task, selectedBy: task.selectedBy ?? "aligned" } : task;
}

function kindProblems(
  { safety, safetyTest, validation, test, split }: Checked["tasks"],
  sets: readonly Task[],
): SetProblem[] {
  const lacks = (tasks: readonly Task[], kind: Task["kind"]) =>
    !tasks.some((one) => one.kind === kind && !isOutsideOfChoice(one));
  const asked = sets.filter(({ kind }) => kind === "safety");
  return [
    ...(lacks(safety, "safety") || lacks(safetyTest, "safety")
      ? [
          {
            text:
              asked.length === 0
                ? "safety has no set of requests that should be refused: give safety:FILE, advbench, …"
                : asked.every(isOutsideOfChoice)
                  ? "every safety set was selected by the aligned model's own answers, or is a variant that is harder to refuse, which says nothing of its rate: add one as it stands"
                  : split
                    ? "safety has one request, and half of them choose and half confirm: give more, or others as safety.test"
                    : "safety.test has no set of requests that should be refused",
            path: ["safety", lacks(safety, "safety") || split ? "sets" : "test"],
          },
        ]
      : []),
    ...(lacks(validation, "task") || lacks(test, "task")
      ? [
          {
            text: "task needs sets with a score, such as exact:FILE",
            path: ["task", lacks(validation, "task") ? "validation" : "test"],
          },
        ]
      : []),
  ];
}

/** What is read for both would choose and confirm by the same items. */
function sameFiles(
  part: "task" | "safety" | "overRefusal" | "skills",
  first: readonly Task[],
  second: readonly Task[],
): SetProblem[] {
  const filesOf = (tasks: readonly Task[]) =>
    new Map(
      tasks.flatMap(({ data }) => data.flatMap(({ source, files }) => files.map(({ sha256 }) => [sha256, source]))),
    );
  const [one, other] = [filesOf(first), filesOf(second)];
  const both = [...new Set([...one].flatMap(([sha256, source]) => (other.has(sha256) ? [source] : [])))];
  const [chooses, confirms] = part === "task" ? ["task.validation", "task.test"] : [`${part}.sets`, `${part}.test`];
  return both.map((source) => ({
    text: `${source} is in ${chooses} and in ${confirms}: what chooses must not confirm; give other rows for one of them${part === "task" ? "" : `, or leave ${part}.test out, then its items are halved`}`,
    path: [part, "test"],
  }));
}

/** A mean of what rises and what falls says nothing. */
function mixedMetrics(part: "validation" | "test", tasks: readonly Task[]): SetProblem[] {
  const directions = new Set(tasks.map((task) => betterOf([task])));
  if (directions.size < 2) return [];
  const text = `task.${part} has sets whose score should rise and sets whose score should fall: there is no mean of both, give one kind`;
  return [{ text, path: ["task", part] }];
}
