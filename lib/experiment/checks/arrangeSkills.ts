// Which sets of skills choose and which confirm, and which of them are asked as sets of the task already.

import { promptDigest } from "../../evaluate/tasks/context.js";
import type { Task } from "../../evaluate/types.js";
import { RESERVED } from "../../select/gate.js";
import type { Checked } from "./checked.js";
import { betterOf } from "./labels.js";
import type { SetProblem } from "./setProblem.js";
import { splitTasks } from "./split.js";

/** The sets of one word. */
export interface LoadedSkill {
  readonly name: string;
  readonly tasks: readonly Task[];
}

export interface LoadedSkills {
  readonly sets: readonly LoadedSkill[];
  /** Others that confirm. */
  readonly test?: readonly LoadedSkill[] | undefined;
}

export interface SkillContext extends Pick<Checked["tasks"], "validation" | "test"> {
  /** Whether one half of each is to choose and the other to confirm. */
  readonly halve: boolean;
  /** Skills by which lambda is chosen; "skills" for all. */
  readonly chooseBy: readonly string[];
}

/**
 * A set that is the task's as well (of the same name, with the same prompts, asked in the same way) stays whole and is not asked again;
 * then it may be in no rule, since what chooses must not confirm.
 */
export function arrangeSkills(
  { sets, test }: LoadedSkills,
  { validation, test: tested, halve, chooseBy }: SkillContext,
): Pick<Checked["tasks"], "skills" | "skillsTest" | "skillOf" | "halved"> & {
  readonly problems: readonly SetProblem[];
} {
  const all = sets.flatMap(({ tasks }) => tasks);
  const isOwn = (task: Task, of: readonly Task[]) => of.some((one) => isSame(one, task));
  const shared = all.filter((task) => isOwn(task, [...validation, ...tested]));
  const halves = halve && !test ? all.filter((task) => !shared.includes(task)) : [];
  const split = splitTasks(halves);
  const parts = (half: readonly Task[]) =>
    all.flatMap((task) => (halves.includes(task) ? half.filter(({ name }) => name === task.name) : [task]));
  const confirms = test ? test.flatMap(({ tasks }) => tasks) : parts(split.confirm);
  const skillOf = new Map(
    [...sets, ...(test ?? [])].flatMap(({ name, tasks }) => tasks.map((task) => [task.name, name])),
  );
  const names = sets.map(({ name }) => name);
  const looked = (name: string) => chooseBy.includes(name) || chooseBy.includes("skills");
  return {
    skills: parts(split.choose).filter((task) => !isOwn(task, validation)),
    skillsTest: confirms.filter((task) => !isOwn(task, tested)),
    skillOf,
    halved: new Set(halves.map(({ name }) => name)),
    problems: [
      ...all
        .filter(({ kind }) => kind !== "task")
        .map(({ name }) =>
          problem(
            `${name} has no score that a skill could have: its place is safety.sets, or overRefusal for harmless requests`,
          ),
        ),
      ...names
        .filter((name) => RESERVED.includes(name))
        .map((name) =>
          problem(
            `a skill cannot be called ${name}, which means something else in a gate: give it a name of its own (sums=…)`,
          ),
        ),
      ...sets
        .filter(({ tasks }) => new Set(tasks.map((task) => betterOf([task]))).size > 1)
        .map(({ name }) =>
          problem(
            `${name} has sets whose score should rise and sets whose score should fall: there is no mean of both`,
          ),
        ),
      ...shared
        .filter(({ name }) => !test && looked(skillOf.get(name) as string))
        .map(({ name }) =>
          problem(
            `${name} is a set of the task and a skill that the rule looks at, so that the same items would choose and confirm: give skills.test, other rows, or leave it out of keep and gate`,
          ),
        ),
      ...(test
        ? unlike(
            names,
            test.map(({ name }) => name),
          )
        : []),
      ...halves
        .filter(({ name }) => [split.choose, split.confirm].some((half) => !half.some((one) => one.name === name)))
        .map(({ name }) =>
          problem(
            `${name} has one item, and half of a skill's items choose and half confirm: give more, or others as skills.test`,
          ),
        ),
    ],
  };
}

function problem(text: string): SetProblem {
  return { text, path: ["skills"] };
}

/** A skill is the same in both parts. */
function unlike(names: readonly string[], tested: readonly string[]): SetProblem[] {
  const missing = names.filter((name) => !tested.includes(name));
  const more = tested.filter((name) => !names.includes(name));
  return [
    ...missing.map((name) => ({
      text: `skills.test has no set ${name}: give the skill there the same name (${name}=…)`,
      path: ["skills", "test"],
    })),
    ...more.map((name) => ({
      text: `skills.test has a set ${name}, and skills.sets has none`,
      path: ["skills", "test"],
    })),
  ];
}

/** Whether two sets are one: called the same, and the same prompts asked in the same way. */
export function isSame(a: Task, b: Task): boolean {
  if (a === b) return true;
  if (a.name !== b.name || a.kind !== b.kind || a.ask !== b.ask || a.items.length !== b.items.length) return false;
  const asked = ({ items, decoding }: Task) =>
    JSON.stringify([
      decoding,
      ...items.map(({ prompt, request, choices, continuations }) => [
        ...[promptDigest(prompt === "" ? request : prompt), choices, continuations],
      ]),
    ]);
  return asked(a) === asked(b);
}
