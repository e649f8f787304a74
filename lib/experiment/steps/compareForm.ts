// Compares a form in which the merge ships with the merge that was measured, as two models that people could have: a step of a run.

import { join } from "node:path";
import { compareBehaviour } from "../../behave/compareBehaviour.js";
import type { BehaviourReport, BehaviourSource } from "../../behave/types.js";
import type { Task } from "../../evaluate/types.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { NamedPrompt } from "../../generate/answers/answerLine.js";
import type { FormBehaviour } from "../../report/types.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { ShipForm } from "../settings/shipForms.js";
import { type Batch, defineStep, type Step, single } from "./step.js";
import type { WriteStageParts } from "./writeStage.js";

/** What a plan counts it to. */
export const COMPARED = "what ships, compared with what was measured";

/** Of each set that chooses lambda: items whose answers are compared. */
const ITEMS = 12;
/** New tokens of each answer that is compared at most. */
const TOKENS = 64;

/** A form that was written, and what it is compared with. */
export interface FormModel {
  readonly form: ShipForm;
  /** Base + adapter where it is one. */
  readonly model: string;
  readonly digest: Digest<"model">;
  /** The model that was measured: a folder, or the merge that was measured before it was written. */
  readonly measured: BehaviourSource;
  readonly measuredDigest: Digest<"settings">;
  /** Whose split of the validation is asked. */
  readonly tuning: string | undefined;
}

export function compareForm(
  { form: { name, tolerance }, model, digest, measured, measuredDigest, tuning }: FormModel,
  { settings, measuring, out }: Pick<WriteStageParts, "settings" | "measuring" | "out">,
): { readonly step: Step; readonly batch: Batch } {
  const { precision, threads } = settings.engine ?? {};
  const tasks = askedOf(measuring.tasksOf("validation", tuning));
  const prompts = tasks.flatMap(promptsOf);
  const lengths = tasks.map(({ decoding }) => decoding.maxNewTokens ?? TOKENS);
  const maxNewTokens = lengths.length === 0 ? 0 : Math.min(TOKENS, Math.max(...lengths));
  const step = defineStep("compare", `compare ${name}`, {
    ...{ measured: measuredDigest, form: digest, items: digestOf("items", prompts) },
    how: digestOf("settings", [tolerance, precision, maxNewTokens]),
  });
  const batch = single(
    step,
    async ({ signal, folderOf }) => {
      const report = await compareBehaviour(measured, model, {
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

const FILE = "behaviour.json";

export async function readBehaviour(folder: string): Promise<FormBehaviour> {
  return JSON.parse(
    await readTextAtMost(join(folder, FILE), { most: 2 ** 24, what: "a step's result" }),
  ) as FormBehaviour;
}
