// What a sweep knows before it reads tensors: its recipe, and a plan of every point.

import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import type { Estimate } from "../plan/estimate.js";
import { InputFiles } from "../plan/inputFiles.js";
import { outputsPerPass } from "../plan/sweepPlan.js";
import { loadRecipe } from "../recipe/load.js";
import { METHODS } from "../recipe/methods.js";
import type { ParsedRecipe, Recipe } from "../recipe/types.js";
import { checkSettings, suppliedBy, withSettings } from "../recipe/vary.js";
import { scaledAdapter } from "./adapter/scaledAdapter.js";
import { checkFormat } from "./formats/checkFormat.js";
import type { MergeOptions, PlanOptions } from "./options.js";
import { plannedFiles } from "./plan.js";
import type { Point } from "./points.js";
import { type Opened, openInputs, type Prepared, planOn } from "./prepare.js";
import { diskOfMade } from "./prepared/diskOfMade.js";
import { asAdapter, outlineOf } from "./prepared/outlineOf.js";
import { asRecorded } from "./prepared/prepareInTwo.js";
import type { PlannedFile } from "./report.js";

/** What decides the points of a sweep. */
export interface SurveyOptions extends Omit<PlanOptions, "lambda"> {
  readonly outAdapter?: boolean | undefined;
}

/** Reads the recipe, whose parameters of the grid may be missing. @throws RetemperError USAGE, BAD_RECIPE */
export async function readSweep(
  recipe: string | Recipe,
  grid: Readonly<Record<string, unknown>>,
  options: SurveyOptions,
): Promise<ParsedRecipe> {
  const { lenient } = options;
  checkFormat(options);
  const parsed = await loadRecipe(recipe, { lenient, supplied: suppliedBy(Object.keys(grid)) });
  checkSettings(parsed, Object.keys(grid));
  return parsed;
}

/** What all points of a sweep read. */
export interface SweepInputs {
  readonly opened: Opened;
  /** The models that the recipe names, for records. */
  readonly recorded: Opened;
  readonly inputs: InputFiles;
}

export interface Survey extends SweepInputs {
  readonly first: Prepared;
  /** Of each point, in their order. */
  readonly estimates: readonly Estimate[];
  readonly files: readonly (readonly PlannedFile[])[];
  readonly diskNeeded: number;
  readonly pointsPerPass: number;
  readonly warnings: readonly string[];
}

/** A point with its recipe as it was written, and as it is merged: of a method that is prepared, another one. */
export interface SweepRecipe {
  readonly point: Point;
  readonly written: ParsedRecipe;
  readonly ordinary: ParsedRecipe;
  /** True where that other one is an outline: nothing is made yet. */
  readonly isOutline?: boolean;
}

/** The points' recipes; those of a method that is prepared in outline. */
export function outlines(parsed: ParsedRecipe, points: readonly Point[], options: SurveyOptions): SweepRecipe[] {
  return points.map((point) => {
    const written = withSettings(parsed, point.settings, options);
    if (!METHODS[written.method].prepared) return { point, written, ordinary: written };
    return { point, written, ordinary: outlineOf(written), isOutline: true };
  });
}

/** Plans every point once, so that whatever does not fit is reported before anything is written, and keeps the sums. */
export async function surveyPoints(
  recipes: readonly SweepRecipe[],
  options: SurveyOptions,
  addon: Addon,
): Promise<Survey> {
  if ((options as MergeOptions).format === "adapter") {
    throw new RetemperError("USAGE", "a sweep writes its adapters by outAdapter, not by format", {
      hint: "retemper sweep RECIPE OUT --out-adapter; for other merges, retemper merge RECIPE OUT --format adapter",
    });
  }
  const [start] = recipes as [SweepRecipe, ...SweepRecipe[]];
  const opened = await openInputs(start.ordinary, options, addon);
  const recorded = start.written === start.ordinary ? opened : await openInputs(start.written, options, addon);
  const inputs = new InputFiles();
  const estimates: Estimate[] = [];
  const files: PlannedFile[][] = [];
  const warnings = new Set<string>();
  let first: Prepared | undefined;
  let pointsPerPass = Number.POSITIVE_INFINITY;
  const { threads, maxMemory = 0 } = options;
  // Each share of values that is kept has a rank of its own to be found.
  const ranksDiffer = ["density", "gamma", "select_topk"].some((name) => Object.hasOwn(start.point.settings, name));
  for (const recipe of recipes) {
    options.signal?.throwIfAborted();
    const prepared = await planPoint(recipe, { opened, recorded, inputs }, options, addon);
    first ??= prepared;
    estimates.push(prepared.estimate);
    files.push(plannedFiles(prepared));
    const facts = { threads: threads || addon.describe().threads, maxMemory, ranksDiffer };
    // Scaled adapters may differ in dtype, and are small enough to be made one by one.
    pointsPerPass = options.outAdapter ? 1 : Math.min(pointsPerPass, outputsPerPass(prepared.built, facts));
    for (const warning of prepared.warnings) warnings.add(warning);
  }
  // What a group of points has made is gone when the next one's is made.
  const outlined = recipes.filter(({ isOutline }) => isOutline).map(({ written }) => written);
  const { built, models } = first as Prepared;
  const made = outlined.map((written) => diskOfMade(written, built.tensors, models));
  const diskNeeded = estimates.reduce((sum, estimate) => sum + estimate.diskNeeded, 0) + Math.max(0, ...made);
  return {
    opened,
    recorded,
    inputs,
    first: first as Prepared,
    estimates,
    files,
    diskNeeded,
    pointsPerPass,
    warnings: [...warnings],
  };
}

export async function planPoint(
  { written, ordinary, isOutline }: SweepRecipe,
  { opened, recorded, inputs }: SweepInputs,
  options: SurveyOptions,
  addon: Addon,
): Promise<Prepared> {
  const planned = planOn(opened, ordinary, options, addon, inputs);
  const scaled = isOutline && options.outAdapter ? { ...planned, recipe: asAdapter(written, "scaled") } : planned;
  const prepared = options.outAdapter ? scaledAdapter(scaled, options.threads || addon.describe().threads) : planned;
  return written === ordinary ? prepared : asRecorded(prepared, written, recorded);
}

/** Passes of about the same size, as few as the limit allows. */
export function splitEvenly<T>(items: readonly T[], limit: number): T[][] {
  const size = Math.ceil(items.length / Math.ceil(items.length / limit));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
