// What a plan reckons costs by, of a run or a search: how fast the models were just now, and how long the answers are that are there.

import { samplesOf } from "../../evaluate/run/samplesOf.js";
import type { Task } from "../../evaluate/types.js";
import type { Checked } from "../checks/checked.js";
import { modelSize } from "../checks/judgedAnswers.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Store } from "../store/store.js";
import { PlanCosts, type PlanCostsParts } from "./planCosts.js";
import { JudgeCosts } from "./plannedJudges.js";

export interface OpenCosts {
  readonly costs: PlanCosts;
  readonly judges: JudgeCosts;
  /** 0 where no model was asked. */
  readonly tokensPerSecond: number;
}

export async function openCosts(
  { engine, aligned }: Pick<ExperimentSettings, "engine" | "aligned">,
  { judges: { judges: models }, bytesOfMerge }: Pick<Checked, "judges" | "bytesOfMerge">,
  measured: Pick<PlanCostsParts, "probes" | "secondsToOpen" | "asStored" | "meanTokens">,
): Promise<OpenCosts> {
  const writing = [...measured.probes.values()].find(({ secondsPerToken }) => secondsPerToken > 0);
  const tokensPerSecond = writing ? 1 / writing.secondsPerToken : 0;
  const { parameters } = engine?.endpoint ? { parameters: 1 } : await modelSize(aligned);
  const judges = await JudgeCosts.open(models, { parameters, tokensPerSecond });
  return { judges, tokensPerSecond, costs: new PlanCosts({ ...measured, judges, bytesOfMerge, parameters }) };
}

/** Of the answers to a task that are there: new tokens, on average; undefined where none are. */
export async function meanTokensOf(
  store: Store | undefined,
  tasks: readonly Task[],
): Promise<PlanCostsParts["meanTokens"]> {
  const journals = (await store?.opened()) ?? [];
  const known = new Map<string, readonly number[]>();
  for (const task of tasks) {
    const samples = samplesOf(task);
    const lengths = journals.flatMap((journal) =>
      task.items.flatMap((item) => samples.flatMap((sample) => journal.answer(task, item, sample)?.tokens ?? [])),
    );
    known.set(task.name, [...(known.get(task.name) ?? []), ...lengths]);
  }
  return ({ name }) => {
    const lengths = known.get(name) ?? [];
    return lengths.length === 0 ? undefined : lengths.reduce((sum, one) => sum + one, 0) / lengths.length;
  };
}
