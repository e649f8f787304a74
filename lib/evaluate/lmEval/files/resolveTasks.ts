// From a name or a file to the tasks that it means: one, or those of a group with the groups and tags in it.

import { isDeepStrictEqual } from "node:util";
import { RetemperError } from "../../../errors.js";
import { readTaskFile, type TaskFile } from "./readTaskFile.js";
import { type TaskConfig, taskConfig, unsupported } from "./taskConfig.js";
import type { TaskIndex } from "./taskIndex.js";

export interface Group {
  readonly name: string;
  /** What is told of the group as a whole: the mean over its items, or (not weighted) over its tasks. */
  readonly metrics: readonly {
    readonly metric: string;
    /** By name; those that the tasks have, by default. */
    readonly filters: readonly string[] | undefined;
    readonly weighted: boolean;
  }[];
}

export interface ResolvedTasks {
  readonly configs: readonly TaskConfig[];
  readonly group: Group | undefined;
}

const GROUP_KEYS = new Set(["group", "group_alias", "task", "aggregate_metric_list", "metadata", "tag"]);
const MOST_DEPTH = 16;
/** Groups in a group, however often: the largest published one has some hundred. */
const MOST_VISITS = 4096;

/**
 * @param index of the package that names are looked up in, once one is
 * @throws RetemperError BAD_INPUT for names and files that are not there; INCOMPATIBLE for what is not supported
 */
export async function resolveTasks(
  asked: { readonly file: string } | { readonly name: string },
  index: () => Promise<TaskIndex>,
): Promise<ResolvedTasks> {
  let known: TaskIndex | undefined;
  const find = async (name: string) => {
    known ??= await index();
    return known.find(name);
  };
  const absent = (name: string, file?: string) => {
    const like = known?.like(name) ?? [];
    return new RetemperError("BAD_INPUT", `lm-evaluation-harness has no task ${name}`, {
      file: file ?? known?.root,
      hint: like.length > 0 ? `there are ${like.join(", ")}` : "lm_eval ls tasks shows what there is",
    });
  };
  let file: string;
  if ("file" in asked) file = asked.file;
  else {
    const found = await find(asked.name);
    if (!found) throw absent(asked.name);
    if (found.kind === "tag") {
      throw new RetemperError("USAGE", `${asked.name} is a tag, which has no number of its own`, {
        hint: `name its tasks: ${found.tasks
          .slice(0, 12)
          .map((task) => `lm-eval:${task}`)
          .join(", ")}${found.tasks.length > 12 ? ", …" : ""}`,
      });
    }
    file = found.file;
  }
  const read = await readTaskFile(file);
  if (!("group" in read)) return { configs: [taskConfig(read, file)], group: undefined };

  const configs: TaskConfig[] = [];
  let visits = 0;
  const addMembers = async (of: TaskFile, at: string, overrides: TaskFile, depth: number): Promise<void> => {
    visits += 1;
    if (depth > MOST_DEPTH || visits > MOST_VISITS)
      throw new RetemperError("BAD_INPUT", "the group's members lead back to itself", { file: at });
    const members = Array.isArray(of.task) ? of.task : [of.task];
    const own = Object.fromEntries(Object.entries(of).filter(([key]) => !GROUP_KEYS.has(key)));
    for (const member of members) {
      const inherited = { ...own, ...overrides };
      if (typeof member === "string") await addNamed(member, at, inherited, depth);
      else if (typeof member === "object" && member !== null) await addInline(member as TaskFile, at, inherited, depth);
      else
        throw new RetemperError(
          "BAD_INPUT",
          `the group ${String(of.group)} has a member that is neither a name nor a task`,
          { file: at },
        );
    }
  };
  const addInline = async (member: TaskFile, at: string, inherited: TaskFile, depth: number): Promise<void> => {
    const name = member.group ?? member.task;
    const there = typeof name === "string" ? await find(name) : undefined;
    if (there) await addNamed(String(name), at, { ...inherited, ...member }, depth);
    else if ("group" in member) await addMembers(member, at, inherited, depth + 1);
    else configs.push(taskConfig({ ...inherited, ...member }, at));
  };
  const addNamed = async (name: string, at: string, overrides: TaskFile, depth: number): Promise<void> => {
    const found = await find(name);
    if (!found) throw absent(name, at);
    const { group: _, ...changes } = overrides;
    if (found.kind === "tag") {
      for (const task of found.tasks) await addNamed(task, at, changes, depth + 1);
      return;
    }
    const child = await readTaskFile(found.file);
    if (found.kind === "group") await addMembers(child, found.file, changes, depth + 1);
    else configs.push(taskConfig({ ...child, ...changes, task: name }, found.file));
  };
  await addMembers(read, file, {}, 0);
  if (configs.length === 0)
    throw new RetemperError("BAD_INPUT", `the group ${String(read.group)} has no tasks`, { file });
  return { configs: once(configs, String(read.group), file), group: groupOf(read, file) };
}

/** Each task once: a second one's items would count twice, under the same names. */
function once(configs: readonly TaskConfig[], group: string, file: string): TaskConfig[] {
  const found = new Map<string, TaskConfig>();
  for (const config of configs) {
    const before = found.get(config.name);
    if (before && !isDeepStrictEqual(before, config)) {
      throw new RetemperError("BAD_INPUT", `the group ${group} has two tasks that are called ${config.name}`, {
        file,
        hint: "give one of them another name (task:)",
      });
    }
    found.set(config.name, config);
  }
  return [...found.values()];
}

function groupOf(read: TaskFile, file: string): Group {
  const name = String(read.group);
  const list = read.aggregate_metric_list ?? [];
  const entries = Array.isArray(list) ? list : [list];
  return {
    name,
    metrics: entries.map((entry) => {
      if (typeof entry !== "object" || entry === null)
        throw new RetemperError("BAD_INPUT", `${name}: aggregate_metric_list holds no keys`, { file });
      const {
        metric,
        filter_list,
        aggregation = "mean",
        weight_by_size = true,
      } = entry as Readonly<Record<string, unknown>>;
      if (aggregation !== "mean")
        throw unsupported({ name, file }, "aggregate_metric_list.aggregation", String(aggregation));
      const filters =
        typeof filter_list === "string" ? [filter_list] : (filter_list as readonly string[] | null | undefined);
      return { metric: String(metric), filters: filters ?? undefined, weighted: weight_by_size !== false };
    }),
  };
}
