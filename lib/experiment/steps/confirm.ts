// Whether a written merge is the virtual merge that was measured: the same greedy answers, and logits side by side.

import { join } from "node:path";
import { compareBehaviour } from "../../behave/compareBehaviour.js";
import type { Results } from "../../evaluate/run/results.js";
import { wholeAnswer } from "../../evaluate/run/wholeAnswer.js";
import type { Task } from "../../evaluate/types.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import { idsOf } from "../../generate/loop/preparePrompts.js";
import { openModel } from "../../generate/openModel.js";
import type { CacheElements, Model } from "../../generate/types.js";
import type { WrittenAgreement } from "../../report/types.js";
import { openVirtual, type VirtualMergeSource } from "../candidates/openVirtual.js";

/** Of each task: questions whose answers are compared. */
const QUESTIONS = 40;
/** Prompts whose logits are compared. */
const PROMPTS = 8;

export interface ConfirmOptions {
  readonly precision?: "float32" | "bfloat16" | undefined;
  readonly cache?: CacheElements | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the written files what the virtual merge was asked, and compares the distributions after some prompts.
 * @param virtual the merge at the one lambda that was written
 * @param answered the virtual merge's evaluation on the same tasks
 */
export async function confirm(
  written: string,
  virtual: VirtualMergeSource,
  tasks: readonly Task[],
  answered: Results,
  { bytes, exact, options }: { readonly bytes: number; readonly exact: boolean; readonly options: ConfirmOptions },
): Promise<WrittenAgreement & { readonly newTokens: number }> {
  const greedy = greedyOf(tasks);
  const model = await openModel(written, { ...options, engine: "native" });
  try {
    const counts = { questions: 0, same: 0, newTokens: 0 };
    for (const task of greedy) {
      const items = task.items.slice(0, QUESTIONS);
      const known = new Map(answered.tasks.find(({ name }) => name === task.name)?.items.map((one) => [one.id, one]));
      const { samples: _, ...decoding } = task.decoding;
      const prompts = items.map(({ prompt }) => prompt);
      for await (const { index, text, ids } of model.generate(prompts, { ...decoding, signal: options.signal })) {
        const item = items[index];
        const before = known.get(item?.id ?? "")?.answers[0]?.text;
        if (item === undefined || before === undefined) continue;
        counts.questions += 1;
        counts.same += before === wholeAnswer(item, text, ids, model) ? 1 : 0;
        counts.newTokens += ids.length;
      }
    }
    const inputs = greedy
      .flatMap(({ items }) => items.slice(0, Math.ceil(PROMPTS / greedy.length)))
      .map(({ prompt, id }) => [...idsOf(prompt, id, model.tokenizer)]);
    const of = (one: Model, lambda?: number) => one.logits(inputs, { lambda, signal: options.signal });
    const right = await of(model);
    let difference = { largest: 0, relative: 0 };
    for await (const { model: other, lambdas } of openVirtual(virtual, bytes, options, exact)) {
      difference = differenceOf(right, await of(other, lambdas?.[0]));
    }
    const causes = await causesOf(written, virtual, options);
    return { ...counts, logits: { prompts: inputs.length, ...difference }, ...(causes.length > 0 && { causes }) };
  } finally {
    await model.close();
  }
}

/** What is not as it was measured, by its cause: files and weights against the recipe's. Nothing is asked again for it. */
async function causesOf(
  written: string,
  { recipe, lambdas, maskSeed }: VirtualMergeSource,
  { threads, signal }: ConfirmOptions,
) {
  const [lambda] = lambdas ?? [];
  const { causes } = await compareBehaviour({ recipe, lambda, seed: maskSeed }, written, {
    ask: false,
    threads,
    signal,
  });
  return causes.map(({ name, sure, summary }) => ({ name, sure, summary }));
}

/** The largest difference, and the root of the mean square one in standard deviations of the right logits. */
function differenceOf(right: readonly Float32Array[], other: readonly Float32Array[]) {
  let [largest, squares, count, sum, sumOfSquares] = [0, 0, 0, 0, 0];
  for (const [at, row] of right.entries()) {
    const beside = other[at] as Float32Array;
    for (let i = 0; i < row.length; i++) {
      const [a, b] = [row[i] as number, beside[i] as number];
      largest = Math.max(largest, Math.abs(a - b));
      squares += (a - b) ** 2;
      sum += a;
      sumOfSquares += a * a;
    }
    count += row.length;
  }
  const variance = sumOfSquares / count - (sum / count) ** 2;
  return { largest, relative: variance > 0 ? Math.sqrt(squares / count / variance) : 0 };
}

const FILE = "agreement.json";

export async function writeAgreement(folder: string, agreement: WrittenAgreement): Promise<void> {
  await writeWhole(join(folder, FILE), `${JSON.stringify(agreement, null, 1)}\n`);
}

export async function readAgreement(folder: string): Promise<WrittenAgreement> {
  return JSON.parse(
    await readTextAtMost(join(folder, FILE), { most: 2 ** 24, what: "a step's result" }),
  ) as WrittenAgreement;
}

/** The questions that the written files are asked: for a plan. */
export function comparedAnswers(tasks: readonly Task[]): { task: Task; prompts: number; answers: number }[] {
  return greedyOf(tasks).map((task) => {
    const count = Math.min(QUESTIONS, task.items.length);
    return { task, prompts: count, answers: count };
  });
}

function greedyOf(tasks: readonly Task[]): Task[] {
  return tasks.filter(
    ({ ask, decoding }) => ask === "generate" && (decoding.temperature ?? 0) === 0 && (decoding.samples ?? 1) === 1,
  );
}
