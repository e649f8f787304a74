// What can be found wrong before anything long starts: models, sets, judges, merges, disk. All of it at once.

import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { loadSuite } from "../evaluate/run/loadSuite.js";
import type { Task } from "../evaluate/types.js";
import { openModel } from "../generate/openModel.js";
import { plan } from "../merge/plan.js";
import { openJudges } from "./judges.js";
import { wrong } from "./load.js";
import { type MergePoint, wholeModel } from "./merges.js";
import type { ExperimentSettings } from "./schema.js";

export interface Checked {
  /** By name of the part: what is asked. */
  readonly tasks: {
    readonly safety: Task[];
    readonly safetyTest: Task[];
    readonly validation: Task[];
    readonly test: Task[];
  };
  /** Bytes of one written merge. */
  readonly bytesOfMerge: number;
}

/** @param points the merges; undefined where the tuned models are still to be made */
export async function check(
  settings: ExperimentSettings,
  points: readonly MergePoint[],
  tuned: readonly string[],
  out: string,
  signal: AbortSignal | undefined,
): Promise<Checked> {
  const problems: string[] = [];
  const codes = new Set<string>();
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetemperError)) throw error;
      const text = `${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
      if (!problems.includes(text)) problems.push(text);
      codes.add(error.code);
      return undefined;
    }
  };
  await attempt(async () => (await openJudges(settings)).close());
  const { safety, task, limit, decoding, engine, aligned } = settings;
  const model = await attempt(() => openModel(aligned, { ...engine, signal }));
  const tasks = { safety: [] as Task[], safetyTest: [] as Task[], validation: [] as Task[], test: [] as Task[] };
  if (model) {
    try {
      const load = async (words: readonly string[]) =>
        (await attempt(() => loadSuite(model, words, { limit, decoding, signal }))) ?? [];
      tasks.safety = await load(safety.sets);
      tasks.safetyTest = safety.test ? await load(safety.test) : tasks.safety;
      tasks.validation = await load(task.validation);
      tasks.test = await load(task.test);
    } finally {
      await model.close();
    }
    if (problems.length === 0) problems.push(...kindProblems(tasks));
  }
  for (const one of tuned) if (one.includes("+")) await attempt(() => plan(wholeModel(one), { signal }));
  let bytesOfMerge = 0;
  const methods = new Set<string>();
  for (const { method, lambda, parameters, merges } of points) {
    const kind = JSON.stringify([method, parameters]);
    if (methods.has(kind)) continue;
    methods.add(kind);
    for (const { recipe, maskSeed } of merges) {
      const planned = await attempt(() => plan(recipe, { lambda, seed: maskSeed, signal }));
      bytesOfMerge = Math.max(bytesOfMerge, planned?.estimate.bytesWritten ?? 0);
    }
  }
  const most = points.length === 0 ? 0 : bytesOfMerge * (1 + methods.size * Math.max(1, tuned.length));
  const free = await freeBytes(out);
  if (most > free) problems.push(`the chosen merges need up to ${most} bytes in ${out}, and ${free} are free`);
  if (problems.length > 0) {
    if (codes.size === 1 && problems.length === 1) {
      const [code] = codes;
      throw new RetemperError(code as RetemperError["code"], problems[0] as string);
    }
    throw wrong(problems);
  }
  return { tasks, bytesOfMerge };
}

function kindProblems({ safety, safetyTest, validation, test }: Checked["tasks"]): string[] {
  const lacks = (tasks: readonly Task[], kind: Task["kind"]) => !tasks.some((one) => one.kind === kind);
  return [
    ...(lacks(safety, "safety") || lacks(safetyTest, "safety")
      ? ["safety has no set of requests that should be refused: safety:FILE, advbench, …"]
      : []),
    ...(lacks(validation, "task") || lacks(test, "task") ? ["task needs sets with a score, such as exact:FILE"] : []),
  ];
}

async function freeBytes(out: string): Promise<number> {
  let folder = resolve(out);
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
