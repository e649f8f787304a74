// The stages of an experiment in their order, each a list of steps that follow from what the stages before found. A run does these
// steps; a plan looks which of them are done. So the two cannot disagree.

import type { ExperimentResults } from "../report/types.js";
import { mergeAt, type TunedModel } from "./candidates/merges.js";
import { chosenAtMost } from "./checks/check.js";
import type { Checked } from "./checks/checked.js";
import { betterOf } from "./checks/labels.js";
import type { Digests } from "./digests/contents.js";
import type { Digest } from "./digests/digestOf.js";
import { ModelDigests } from "./digests/modelDigests.js";
import { refineStage } from "./refineStage.js";
import type { Choice } from "./results/choose.js";
import { provenanceOf } from "./results/provenance.js";
import { proxyResults } from "./results/proxyResults.js";
import { resultsOf } from "./results/resultsOf.js";
import type { SeedToShip } from "./results/seedToShip.js";
import { shippedOf } from "./results/shippedOf.js";
import { shipResults } from "./results/shipResults.js";
import { screenStage } from "./screenStage.js";
import { isScreened } from "./settings/leavesOut.js";
import { rowsOf } from "./settings/methodEntry.js";
import type { ExperimentSettings } from "./settings/schema.js";
import { withCheckpoints } from "./settings/withCheckpoints.js";
import { adaptiveStage } from "./steps/adaptiveStage.js";
import { besideLinearStage } from "./steps/besideLinearStage.js";
import { calibrating } from "./steps/calibrating.js";
import { chosenPoint, controlStage } from "./steps/controlStage.js";
import { measureStage } from "./steps/measureStage.js";
import { Measuring, workOf } from "./steps/measuring.js";
import type { Progress } from "./steps/progress.js";
import type { Milestone } from "./steps/runGraph.js";
import type { ServedNames } from "./steps/served.js";
import { shipStage, type ToShip } from "./steps/shipStage.js";
import type { Batch, StepRecord } from "./steps/step.js";
import type { StepRecords } from "./steps/stepRecords.js";
import { tuneStage } from "./steps/tuneStage.js";
import { type ChosenPoint, writeStage } from "./steps/writeStage.js";
import { type Store, scorerDigestWith } from "./store/store.js";

/** Does steps, with whoever else works on the folder. @returns the records by key */
export type Graph = (
  batches: readonly Batch[],
  milestones?: readonly Milestone[],
) => Promise<ReadonlyMap<Digest<"step">, StepRecord>>;

/** What the stages are given: by a run to do them, by a plan to look at them. */
export interface StageHost {
  readonly out: string;
  /** From which paths are told. */
  readonly folder: string | undefined;
  readonly graph: Graph;
  readonly progress: Progress;
  readonly records: StepRecords;
  readonly contents: Digests;
  openStore(scorerDigest: ReturnType<typeof scorerDigestWith>): Store;
  /** Lets one worker at a time do what has this key; in a plan nobody does it. */
  inTurn(key: string, work: () => Promise<void>): Promise<void>;
  /** The server that answers, where one is to. */
  serve(
    tuned: readonly TunedModel[],
    parts: { readonly models: ModelDigests; readonly contents: Digests },
  ): Promise<ServedNames | undefined>;
  /** Called when the choice is made, and what is chosen measured; the controls follow. */
  readonly onControls?: (() => void) | undefined;
}

export interface Found {
  readonly found: Omit<ExperimentResults, "shipped">;
  /** Which seed's merge of the choice is shipped. */
  readonly ship: SeedToShip | undefined;
}

/** @throws whatever ends a step; whatever the host throws */
export async function stages(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  host: StageHost,
): Promise<Found> {
  const { out, folder, graph, progress, records, contents } = host;
  const models = new ModelDigests(contents);
  const scorerDigest = scorerDigestWith(models.within);
  const store = host.openStore(scorerDigest);
  let measuring: Measuring | undefined;
  try {
    const tokens = (seed: string) => checked.tunings.get(seed)?.tokens;
    const tuning = await tuneStage(withCheckpoints(settings, checked.tunings), contents, records, progress, tokens);
    await graph(tuning.batches);
    const tuned = settings.tune ? tuning.tuned : given;
    const measured = [
      settings.aligned,
      ...(settings.unaligned === undefined ? [] : [settings.unaligned]),
      ...(settings.safeModel === undefined ? [] : [settings.safeModel]),
      ...tuned.map(({ model }) => model),
    ];
    await models.learn(measured);
    await models.learnFiles(settings.methods.flatMap((one) => rowsOf(one) ?? []));
    await models.learn([...checked.judges.sources, ...(settings.bertScore ? [settings.bertScore.model] : [])]);
    const served = await host.serve(tuned, { models, contents });
    const onProgress = progress.evaluating;
    const judging = calibrating(settings, checked, store, scorerDigest, onProgress);
    const byDigest = models.within;
    measuring = new Measuring({ settings, checked, store, scorerDigest, byDigest, served, onProgress });
    const stage = measureStage(
      { settings, tuned, models, measuring, calibrating: judging, progress },
      { checked, records },
    );
    progress.later(chosenAtMost(settings, given) * workOf(measuring.tasksOf("test")), "answer");
    await graph(stage.batches, stage.milestones);
    const ends = stage.tables();
    const parts = { settings, tuned, models, measuring, calibrating: judging, progress, checked, graph };
    const write = (chosen: readonly ChosenPoint[]) =>
      writeStage(chosen, ends.items.test, { ...parts, contents, records, out });
    const screened = stage.proxies && isScreened(settings) ? await screenStage(ends, stage.proxies, parts) : undefined;
    const asked = settings.adaptive
      ? await adaptiveStage(ends, parts)
      : { tables: screened?.tables ?? ends, courses: new Map() };
    const { tables, choice, refined } = await refineStage(asked, parts, write);
    progress.later(0); // what is chosen is known
    const written = await write(choice.wanted);
    const better = { validation: betterOf(checked.tasks.validation), test: betterOf(checked.tasks.test) };
    const besideLinear = await besideLinearStage({
      ...{ settings, tables, labels: choice.labels, written, measure: write, better },
    });
    host.onControls?.();
    const controls = await controlStage({
      ...{ settings, tuned, models, contents, records, progress, tokens, measuring, calibrating: judging, graph },
      ...{ tables, labels: choice.labels, chosen: chosenPoint(choice.best, written) },
      ...{ inTurn: host.inTurn, better },
    });
    const digests = new Map(measured.map((model) => [model, models.of(model)]));
    const provenance = provenanceOf({ settings, tuned, checked, digests, out, folder }, tables.aligned.validation);
    const read = await stage.proxies?.read();
    const { labels, validation } = choice;
    const proxies = read && {
      ...proxyResults(read, tables, { labels: labels.validation, better: validation.better }),
      ...(screened && { screening: screened.screening }),
    };
    const found = resultsOf(
      tables,
      choice,
      { written, controls, refined, besideLinear, proxies },
      settings,
      checked,
      provenance,
    );
    const toShip = toShipOf(found, choice);
    const forms = toShip ? await shipStage(toShip, { ...parts, contents, records, out }) : [];
    const tested = written.find(
      ({ outputs }) => toShip && outputs.some(({ path }) => path === toShip.output.path),
    )?.tested;
    const ship =
      toShip &&
      tested &&
      shipResults(forms, toShip, {
        ...{ test: { ...found.test, labels: choice.labels.test }, items: tables.items.test },
        ...{ seeds: tested.seeds, ends: { aligned: tables.aligned.test, tuned: tables.tuned.test } },
        select: settings.select,
      });
    return { found: { ...found, ...(ship && { ship }) }, ship: choice.ship };
  } finally {
    await measuring?.close();
    store.close();
  }
}

/** The model that ships, as it was written; undefined where none does. */
function toShipOf(found: Found["found"], { best, ship }: Choice): ToShip | undefined {
  const shipped = shippedOf(found, ship);
  const output = found.outputs.find(({ path }) => path === shipped?.path);
  const merge = best?.series.merges.find(({ seed }) => seed === output?.seed);
  return best && output && merge && { point: best, merge: mergeAt(best.series, merge, best.value), output };
}
