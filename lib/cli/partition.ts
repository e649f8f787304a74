// `--partition`: which part of a batch this process does, or with which share of an experiment it begins; given, or read from the
// environment that a cluster sets for its tasks.

import { RetemperError } from "../entries/merge.js";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `i/n` (i from 0), `auto` or `auto/n`.
 *
 * auto: in a Slurm array the task's place in it (SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT), which must be `a-b` or `a-b:s`;
 * in a Kubernetes Indexed Job JOB_COMPLETION_INDEX of JOB_COMPLETIONS, which the manifest of the job has to pass. `auto/n`
 * says the number of parts itself, for arrays of which only some tasks are run again.
 *
 * @throws RetemperError USAGE
 */
export function parsePartition(text: string, env: Environment): { readonly index: number; readonly count: number } {
  const [, first, second] = /^(auto|\d{1,9})(?:\/(\d{1,9}))?$/.exec(text.trim()) ?? [];
  if (first === undefined || (first !== "auto" && second === undefined)) {
    throw usage(`\`${text}\` is no partition`, "give i/n with i from 0 to n - 1, such as 0/8, or auto");
  }
  if (first !== "auto") return checked(Number(first), Number(second));
  const count = second === undefined ? undefined : Number(second);
  if (env.SLURM_ARRAY_TASK_ID !== undefined) return slurm(env, count);
  if (env.JOB_COMPLETION_INDEX !== undefined) return indexedJob(env, count);
  throw usage(
    "--partition auto finds neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX",
    "use it in a Slurm array or a Kubernetes Indexed Job, or give i/n",
  );
}

function slurm(env: Environment, wanted: number | undefined) {
  const id = number(env, "SLURM_ARRAY_TASK_ID");
  // With the number of parts given, the ids are the parts: a single task can then be run again by its id.
  if (wanted !== undefined) return checked(id, wanted);
  const count = number(env, "SLURM_ARRAY_TASK_COUNT");
  const least = number(env, "SLURM_ARRAY_TASK_MIN", 0);
  const index = (id - least) / number(env, "SLURM_ARRAY_TASK_STEP", 1);
  if (Number.isInteger(index) && index >= 0 && index < count) return { index, count };
  throw usage(
    `task ${id} is not in an array a-b or a-b:s of ${count} tasks`,
    "use such an array, or --partition auto/n",
  );
}

function indexedJob(env: Environment, wanted: number | undefined) {
  const index = number(env, "JOB_COMPLETION_INDEX");
  if (wanted !== undefined) return checked(index, wanted);
  if (env.JOB_COMPLETIONS !== undefined) return checked(index, number(env, "JOB_COMPLETIONS"));
  throw usage(
    "Kubernetes does not give a pod the number of completions",
    "give --partition auto/n, or set JOB_COMPLETIONS in the pod's env",
  );
}

function number(env: Environment, name: string, absent?: number): number {
  const text = env[name];
  if ((text === undefined || text === "") && absent !== undefined) return absent;
  if (text !== undefined && /^\d{1,9}$/.test(text) && !(name.endsWith("STEP") && Number(text) === 0))
    return Number(text);
  throw usage(`${name} is ${text === undefined ? "not set" : `\`${text}\``}`, "give --partition i/n");
}

function checked(index: number, count: number) {
  if (index < count) return { index, count };
  const parts = count === 1 ? "0/1" : `0/${count} to ${count - 1}/${count}`;
  throw usage(
    `there is no part ${index} of ${count}`,
    count === 0 ? "give i/n with n of at least 1" : `the parts are ${parts}`,
  );
}

function usage(message: string, hint: string): RetemperError {
  return new RetemperError("USAGE", message, { hint });
}
