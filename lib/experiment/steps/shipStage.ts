// Writes the merge to ship in the forms that people get, and compares each with the merge that was measured: whether the chosen
// lambda holds for the file that ships.

import { join } from "node:path";
import { compareBehaviour } from "../../behave/compareBehaviour.js";
import type { BehaviourReport, BehaviourSource } from "../../behave/types.js";
import type { Task } from "../../evaluate/types.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { NamedPrompt } from "../../generate/answers/answerLine.js";
import type { FormBehaviour, ShipResults, WrittenModel } from "../../report/types.js";
import type { SeedMerge } from "../candidates/merges.js";
import type { EvaluatedPoint } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import { asDigest, type Digest, digestOf } from "../digests/digestOf.js";
import { modelParts } from "../settings/modelParts.js";
import { type ShipForm, shipForms } from "../settings/shipForms.js";
import { isOfModel, mergeBatch } from "./mergeBatch.js";
import { type Batch, defineStep, type Step, type StepRecord, single } from "./step.js";
import type { WriteStageParts } from "./writeStage.js";

/** What a plan counts it to. */
export const SHIPPED = "what ships, in its forms";
export const COMPARED = "what ships, compared with what was measured";

/** Of each set that chooses lambda: items whose answers are compared. */
const ITEMS = 12;
/** New tokens of each answer that is compared at most. */
const TOKENS = 64;

/** The model to ship, as it was written and measured. */
export interface ToShip {
  readonly point: EvaluatedPoint;
  readonly merge: SeedMerge;
  readonly output: WrittenModel;
}

export interface ShipStageParts extends WriteStageParts {
  readonly checked: Pick<Checked, "engine" | "bytesOfMerge" | "bytesOfForms">;
}

/** A form with where it becomes files; `write` is absent where the model that was measured is this form. */
interface FormOutput {
  readonly form: ShipForm;
  readonly path: string;
  readonly folder: string;
  readonly write?: { readonly step: Step; readonly batch: Batch } | undefined;
}

/** undefined where the experiment names no forms. */
export async function shipStage(toShip: ToShip, parts: ShipStageParts): Promise<ShipResults | undefined> {
  const { settings, graph, records } = parts;
  const outputs = shipForms(settings).map((form) => outputOf(form, toShip, parts));
  if (outputs.length === 0) return undefined;
  const written = await graph(outputs.flatMap(({ write }) => (write ? [write.batch] : [])));
  const compared = [];
  for (const one of outputs) compared.push({ ...one, comparison: await compareBatch(one, toShip, written, parts) });
  await graph(compared.map(({ comparison }) => comparison.batch));
  const forms = [];
  for (const { form, path, write, comparison } of compared) {
    const { name, format } = form;
    const files = write ? weightsOf(written.get(write.step.key)) : toShip.output.files;
    const bytes = write ? bytesOf(written.get(write.step.key)) : toShip.output.bytes;
    const behaviour = await readBehaviour(records.folderOf(comparison.step));
    forms.push({ name, format, path, bytes, files, behaviour, sentence: formText(name, behaviour) });
  }
  const others = forms.filter(({ behaviour }) => behaviour.verdict === "different");
  const sentence =
    others.length === 0
      ? `What ships behaves as what was measured: ${forms.map((one) => one.name).join(", ")}.`
      : `Not all that ships behaves as what was measured. ${others.map((one) => one.sentence).join(" ")}`;
  return { forms, holds: others.length === 0, sentence };
}

function outputOf(form: ShipForm, { point, merge, output }: ToShip, parts: ShipStageParts): FormOutput {
  const { models, out, checked } = parts;
  const { name, format, quantise, dtype, rank } = form;
  if (format === "safetensors" && dtype === undefined) {
    return { form, path: output.path, folder: join(out, output.path) };
  }
  const path = `${output.path}-${name.replaceAll(" ", "-")}`;
  const folder = join(out, path);
  const { lambda } = point;
  const recipe = digestOf("settings", [
    models.within(merge.recipe),
    lambda,
    merge.maskSeed,
    format,
    quantise,
    dtype,
    rank,
  ]);
  const step = defineStep("write", `write ${path}`, { recipe, path: digestOf("settings", path) });
  const batch = mergeBatch(step, folder, { merge, lambda, format, quantise, dtype, rank }, parts, {
    ...{ part: SHIPPED, bytes: checked.bytesOfForms.get(name) ?? checked.bytesOfMerge },
  });
  return { form, path, folder, write: { step, batch } };
}

/** Compares a form with the files that were measured; these themselves with the merge that was measured before they were written. */
async function compareBatch(
  { form, folder, write }: FormOutput,
  { point, merge, output }: ToShip,
  written: ReadonlyMap<Digest<"step">, StepRecord>,
  { settings, measuring, models, contents, out }: ShipStageParts,
): Promise<{ readonly step: Step; readonly batch: Batch }> {
  const { recipe, maskSeed, tuning } = merge;
  const { lambda } = point;
  const { precision, threads } = settings.engine ?? {};
  const { name, format, tolerance } = form;
  const tasks = askedOf(measuring.tasksOf("validation", tuning));
  const prompts = tasks.flatMap(promptsOf);
  const measured = asDigest("model", await contents.model(join(out, output.path)));
  const files = (write && written.get(write.step.key)?.files) ?? [];
  const made = files.filter(isOfModel).map(({ path, sha256 }) => [path, sha256]);
  const base = format === "adapter" ? models.of(settings.aligned) : undefined;
  const step = defineStep("compare", `compare ${name}`, {
    ...{
      measured,
      form: digestOf("settings", [made, base, write ? undefined : models.within([recipe, lambda, maskSeed])]),
    },
    ...{ items: digestOf("items", prompts), how: digestOf("settings", [tolerance, precision, TOKENS]) },
  });
  const a: BehaviourSource = write ? join(out, output.path) : { recipe, lambda, seed: maskSeed };
  const b = format === "adapter" ? `${baseOf(settings.aligned)}+${folder}` : folder;
  const maxNewTokens = Math.min(TOKENS, Math.max(...tasks.map(({ decoding }) => decoding.maxNewTokens ?? TOKENS)));
  const batch = single(
    step,
    async ({ signal, folderOf }) => {
      const report = await compareBehaviour(a, b, {
        ...(prompts.length > 0 && { prompts, maxNewTokens }),
        tolerance,
        ...{ engine: "native", precision, threads, signal },
      });
      await writeWhole(join(await folderOf(step), FILE), `${JSON.stringify(behaviourOf(report, out), null, 1)}\n`);
      return { newTokens: report.newTokens, bytesWritten: 0 };
    },
    {
      part: COMPARED,
      remains: async () => ({ answers: formAnswers(tasks), opened: 2, units: 1, pending: true }),
    },
  );
  return { step, batch };
}

/** What the adapter lies on: an adapter of the aligned model's own is in it too. */
function baseOf(aligned: string): string {
  const [{ path, revision }] = modelParts(aligned);
  return revision === undefined ? path : `${path}@${revision}`;
}

/** Greedily, whatever the task does. */
function askedOf(tasks: readonly Task[]): Task[] {
  return tasks.filter(({ ask }) => ask === "generate");
}

function promptsOf({ name, items }: Task): NamedPrompt[] {
  return items.slice(0, ITEMS).map(({ id, prompt }) => ({ id: `${name} ${id}`, prompt }));
}

/** What both models are asked for one form: for a plan. */
export function formAnswers(tasks: readonly Task[]): { task: Task; prompts: number; answers: number }[] {
  return askedOf(tasks).map((task) => {
    const count = 2 * Math.min(ITEMS, task.items.length);
    return { task, prompts: 2 * count, answers: count }; // once to answer, once for the distributions
  });
}

/** Without texts: the prompts of an experiment are not in its results. */
function behaviourOf(report: BehaviourReport, out: string): FormBehaviour {
  const { verdict, tolerance, prompts, causes, firstToken, sameTokens, answers, notes } = report;
  return {
    ...{ verdict, tolerance, prompts },
    causes: causes.map(({ name, sure, summary, remedy }) => ({ name, sure, summary, remedy })),
    ...(firstToken && { firstToken }),
    ...(sameTokens && { sameTokens }),
    answers: { same: answers.same, compared: answers.compared },
    notes: notes.map((note) => note.replaceAll(join(out, "/"), "")),
  };
}

/** "gguf q4_k_m: within tolerance: 0.012 nats a token (0.1 are allowed), 47 of 48 answers the same." */
function formText(
  name: string,
  { verdict, tolerance, causes, sameTokens, firstToken, answers }: FormBehaviour,
): string {
  const most = Math.max(firstToken?.klMean ?? 0, sameTokens?.klMean ?? 0);
  const [cause] = causes;
  const why = verdict === "different" && cause ? ` ${cause.summary} (${cause.name})` : "";
  return `${name}: ${verdict}: ${Number(most.toPrecision(2))} nats a token (${tolerance} allowed), ${answers.same} of ${answers.compared} answers the same.${why}`;
}

const FILE = "behaviour.json";

async function readBehaviour(folder: string): Promise<FormBehaviour> {
  return JSON.parse(
    await readTextAtMost(join(folder, FILE), { most: 2 ** 24, what: "a step's result" }),
  ) as FormBehaviour;
}

const WEIGHTS = /\.(safetensors|gguf)$/;

function weightsOf(record: StepRecord | undefined): WrittenModel["files"] {
  const files = record?.files ?? [];
  return files.filter(({ path }) => WEIGHTS.test(path)).map(({ path, sha256 }) => ({ path, sha256 }));
}

function bytesOf(record: StepRecord | undefined): number {
  const files = record?.files ?? [];
  return files.filter(({ path }) => WEIGHTS.test(path)).reduce((sum, { bytes }) => sum + bytes, 0);
}
