// A task, or a group of them, of lm-evaluation-harness from its own YAML files: `lm-eval:NAME` from the installed package,
// `lm-eval:path/to/task.yaml` from anywhere.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import type { TaskContext } from "../tasks/context.js";
import type { Task } from "../types.js";
import { findPackage } from "./files/findPackage.js";
import { resolveTasks } from "./files/resolveTasks.js";
import { TaskIndex } from "./files/taskIndex.js";
import { taskOf } from "./taskOf.js";

/**
 * @param reference a name of the package, or the path of a YAML file
 * @param name what the task is called in results, and what `context.data` has its data under
 * @throws RetemperError BAD_INPUT for what is not there or broken; INCOMPATIBLE that names the key which is not supported
 */
export async function loadLmEval(reference: string, context: TaskContext, name: string): Promise<Task> {
  const path = resolve(reference);
  const isPath = /[\\/]|\.ya?ml$/.test(reference);
  if (isPath && !(await stat(path).catch(() => undefined))?.isFile()) {
    throw new RetemperError("BAD_INPUT", "the file does not exist", { file: path });
  }
  const index = async () => new TaskIndex(await findPackage(context.data["lm-eval"], context.code?.python));
  const tasks = await resolveTasks(isPath ? { file: path } : { name: reference }, index);
  const { data } = context;
  return taskOf(tasks, name, context, (config) => data[name] ?? data[config.name] ?? data[`lm-eval:${reference}`]);
}
