// Writes the merge to ship in the forms that people get, compares each with the merge that was measured, and measures it on the
// test data: whether the chosen lambda holds for the file that ships.

import { join } from "node:path";
import type { BehaviourSource } from "../../behave/types.js";
import type { FormBehaviour, WrittenModel } from "../../report/types.js";
import { type MergeAt, type TunedModel, wholeModel } from "../candidates/merges.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import { modelParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { isWrittenMerge, type ShipForm, shipForms } from "../settings/shipForms.js";
import type { SeedResults } from "../tables/measure.js";
import { compareForm, readBehaviour } from "./compareForm.js";
import { isOfModel, mergeBatch } from "./mergeBatch.js";
import { type Batch, defineStep, type Step, type StepRecord } from "./step.js";
import type { Subject } from "./subjects.js";
import { weightsOf } from "./weightsOf.js";
import type { WriteStageParts } from "./writeStage.js";

/** What a plan counts it to. */
export const SHIPPED = "what ships, in its forms";
export const FORMS_TESTED = "what ships in its forms, test";

/** The model to ship, as it was written and measured. */
export interface ToShip {
  readonly point: EvaluatedPoint;
  readonly merge: MergeAt;
  readonly output: WrittenModel;
}

export interface ShipStageParts extends WriteStageParts {
  readonly tuned: readonly TunedModel[];
  readonly checked: Pick<Checked, "engine" | "bytesOfMerge" | "bytesOfForms">;
}

/** A form as it was written, compared and measured. */
export interface FormMade extends Pick<WrittenModel, "path" | "bytes" | "files"> {
  readonly form: ShipForm;
  readonly behaviour: FormBehaviour;
  /** On the test data; absent where the form is the model that was measured, or is not to be measured. */
  readonly tested?: SeedResults | undefined;
  /** Likewise the aligned and the fine-tuned models, where they are to be measured in this form. */
  readonly others?: Readonly<Record<"aligned" | "tuned", readonly SeedResults[]>> | undefined;
}

/** A form with where it becomes files; `write` is absent where the model that was measured is this form. */
interface FormOutput {
  readonly form: ShipForm;
  readonly path: string;
  readonly folder: string;
  readonly write?: { readonly step: Step; readonly batch: Batch } | undefined;
}

/** In the experiment's order; none where it names no forms. */
export async function shipStage(toShip: ToShip, parts: ShipStageParts): Promise<FormMade[]> {
  const { settings, checked, graph, records, measuring, calibrating, contents, models, out } = parts;
  const { merge, output } = toShip;
  const outputs = shipForms(settings).map((form) => outputOf(form, toShip, parts));
  if (outputs.length === 0) return [];
  const written = await graph(outputs.flatMap(({ write }) => (write ? [write.batch] : [])));
  const measured = join(out, output.path);
  const files = await contents.model(measured);
  const before: BehaviourSource = { recipe: merge.recipe, lambda: merge.lambda, seed: merge.maskSeed };
  const made = outputs.map(({ form, path, folder, write }) => {
    const record = write && written.get(write.step.key);
    const base = form.format === "adapter" ? models.of(settings.aligned) : undefined;
    const digest = record ? digestOf("model", [weightsDigest(record), base]) : digestOf("model", files);
    const model = form.format === "adapter" ? `${baseOf(settings.aligned)}+${folder}` : folder;
    const comparison = compareForm(
      {
        ...{ form, model, digest, tuning: merge.tuning },
        measured: write ? measured : before,
        measuredDigest: digestOf("settings", write ? files : models.within(before)),
      },
      parts,
    );
    const subject = { kind: "folder", folder: model, digest, ...weightsFor(form, settings) } as const;
    const test = isTested(form, checked)
      ? measuring.measure(`${form.name}, test`, subject, measuring.tasksOf("test"), FORMS_TESTED)
      : undefined;
    return { form, path, record, comparison, test, others: test && form.allModels ? othersIn(form, parts) : [] };
  });
  const tests = made.flatMap(({ comparison, test, others }) => [
    comparison.batch,
    ...(test?.batches ?? []),
    ...others.flatMap(({ measurement }) => measurement.batches),
  ]);
  await graph(tests);
  const calibration = await calibrating.read();
  const found: FormMade[] = [];
  for (const { form, path, record, comparison, test, others } of made) {
    const { seed = ALL, tuning = seed } = merge;
    const [results] = (await test?.read(calibration))?.results ?? [];
    const of = { aligned: [] as SeedResults[], tuned: [] as SeedResults[] };
    for (const { role, seed: own, measurement } of others) {
      const read = await measurement.read(calibration);
      of[role].push(...read.results.map((one) => ({ seed: own, tuning: own, results: one })));
    }
    found.push({
      ...{ form, path },
      ...(record ? weightsOf(record) : { bytes: output.bytes, files: output.files }),
      behaviour: await readBehaviour(records.folderOf(comparison.step)),
      ...(results && { tested: { seed, tuning, results } }),
      ...(others.length > 0 && { others: of }),
    });
  }
  return found;
}

/** The aligned and the fine-tuned models in a form: written for it, asked, and removed. */
function othersIn(
  { name, format, quantise, dtype }: ShipForm,
  { settings, tuned, measuring }: Pick<ShipStageParts, "settings" | "tuned" | "measuring">,
) {
  const all = [
    { role: "aligned" as const, seed: ALL, model: settings.aligned, words: "aligned" },
    ...tuned.map((one) => ({ ...one, role: "tuned" as const, words: `fine-tuned seed ${one.seed}` })),
  ];
  return all.map(({ role, seed, model, words }) => {
    const subject: Subject = {
      ...{ kind: "merge", recipe: wholeModel(model), maskSeed: 0, form: { format, quantise, dtype } },
      ...weightsFor({ format }, settings),
    };
    const measurement = measuring.measure(`${words}, ${name}, test`, subject, measuring.tasksOf("test"), FORMS_TESTED);
    return { role, seed, measurement };
  });
}

/** How a form's weights are multiplied when it is measured. */
function weightsFor({ format }: Pick<ShipForm, "format">, { engine }: Pick<ExperimentSettings, "engine">) {
  return format === "gguf" && engine?.weights !== undefined ? { weights: "asStored" as const } : {};
}

/** What is decoded as it is run, which the native engine does. */
const DECODED: ReadonlySet<string> = new Set(["gguf", "fp8"]);

/** Whether a form is measured on the test data: the model that was measured itself is already. */
export function isTested(form: ShipForm, { engine }: Pick<Checked, "engine">): boolean {
  return form.test && !isWrittenMerge(form) && (!DECODED.has(form.format) || engine === "native");
}

function outputOf(form: ShipForm, { merge, output }: ToShip, parts: ShipStageParts): FormOutput {
  const { models, out, checked } = parts;
  const { name, format, quantise, dtype, rank } = form;
  if (isWrittenMerge(form)) return { form, path: output.path, folder: join(out, output.path) };
  const path = `${output.path}-${name.replaceAll(" ", "-")}`;
  const folder = join(out, path);
  const { lambda } = merge;
  const what = { format, quantise, dtype, rank };
  const recipe = digestOf("settings", [models.within(merge.recipe), lambda, merge.maskSeed, what]);
  const step = defineStep("write", `write ${path}`, { recipe, path: digestOf("settings", path) });
  const bytes = checked.bytesOfForms.get(name) ?? checked.bytesOfMerge;
  const batch = mergeBatch(step, folder, { merge, ...what }, parts, { part: SHIPPED, bytes });
  return { form, path, folder, write: { step, batch } };
}

/** What the adapter lies on: an adapter of the aligned model's own is in it too. */
function baseOf(aligned: string): string {
  const [{ path, revision }] = modelParts(aligned);
  return revision === undefined ? path : `${path}@${revision}`;
}

function weightsDigest({ files = [] }: StepRecord): Digest<"settings"> {
  const ofModel = files.filter(isOfModel).map(({ path, sha256 }) => [path, sha256]);
  return digestOf("settings", ofModel);
}
