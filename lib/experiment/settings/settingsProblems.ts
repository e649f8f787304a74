// What is wrong with an experiment's settings by themselves, though each has the form that it should have.

import { RetemperError } from "../../errors.js";
import type { Path } from "../../recipe/located.js";
import type { PathExists } from "../../recipe/modelReference.js";
import { nearest } from "../../recipe/suggest.js";
import { parseGate } from "../../select/gate.js";
import { gateOf } from "../../select/rule.js";
import { nameOf } from "../../select/select.js";
import { sayOfControls } from "./controlProblems.js";
import { candidateOf, declaredSeries, isPlainLine } from "./declaredSeries.js";
import { endpointProblems } from "./endpointProblems.js";
import { judgeModelNamed } from "./judgeParts.js";
import { isScreened, leavesOut } from "./leavesOut.js";
import { ABSENT } from "./mend.js";
import { drawsMasks, isOfAll, type MethodEntry, methodOf, variable } from "./methodEntry.js";
import { modelParts } from "./modelParts.js";
import type { Problems } from "./problems.js";
import { refinedPoints } from "./refinedPoints.js";
import type { ExperimentSettings } from "./schema.js";
import { sayOfShip } from "./shipProblems.js";
import { sayOfWeights } from "./weightsProblems.js";

export interface Context {
  /** Whether something of it was wrong already. */
  readonly dropped: (key: "tuned" | "tune") => boolean;
  /** Whether a model's path exists, seen from the experiment. */
  readonly exists: PathExists;
  /** Whether the gate is the command line's. */
  readonly gateIsOption: boolean;
}

/** Adds every problem, and leaves out what could not be read further on. */
export function withoutProblems(
  settings: ExperimentSettings,
  problems: Problems,
  { dropped, exists, gateIsOption }: Context,
): ExperimentSettings {
  const say = (text: string, path: Path, hint?: string) => problems.add(text, "BAD_RECIPE", { path, hint });
  const { tuned, tune, select, safety } = settings;
  const has = (key: "tuned" | "tune") => settings[key] !== undefined || dropped(key);
  if (has("tuned") === has("tune")) {
    say("give either tuned or tune: where do tuned models come from?", has("tune") ? ["tune"] : []);
  }
  for (const value of repeated(tune?.seeds ?? [])) say(`tune.seeds holds ${value} twice`, ["tune", "seeds"]);
  const seeds = (tuned ?? []).map((one) => String(one.seed));
  for (const [at, { model, adapter }] of (tuned ?? []).entries()) {
    if ((model === undefined) === (adapter === undefined)) {
      say(`tuned seed ${seeds[at]}: give either model or adapter`, ["tuned", at]);
    }
  }
  for (const seed of repeated(seeds)) say(`tuned seed ${seed} occurs twice`, ["tuned", seeds.lastIndexOf(seed)]);
  sayOfGrids(settings, say);
  sayOfControls(settings, say);
  sayOfMethods(settings, say);
  sayOfShip(settings, say);
  sayOfWeights(settings, say);
  if (settings.engine?.endpoint) {
    for (const text of endpointProblems(settings)) say(text, ["engine", "endpoint"]);
  }
  if (select.corrected && safety.calibration === undefined) {
    const needs = "select.corrected needs safety.calibration: labelled answers that say how often the judge errs";
    say(needs, ["select", "corrected"]);
  }
  if (settings.adaptive && select.rule === "knee") {
    const why = "adaptive cannot leave anything out where the rule is knee, which looks at the numbers of all merges";
    say(why, ["adaptive"], "leave adaptive out, or take another rule");
  }
  if (refinedPoints(settings) > 0 && select.rule !== "constrained" && gateOf(select) === undefined) {
    const why = `refined lambdas are exploratory until they are confirmed, and the rule ${select.rule} without a gate confirms nothing`;
    say(why, ["adaptive", "refine"], "leave refine out, take the rule constrained, or give a gate");
  }
  sayOfScreening(settings, say);
  if (settings.besideLinear) sayOfBesideLinear(settings, say);
  const isGate = select.gate === undefined || gateReads(select.gate, settings.skills, gateIsOption, problems);
  return {
    ...withReadableModels(settings, exists, problems),
    ...(!isGate && { select: { ...select, gate: undefined } }),
  };
}

type Say = (text: string, path: Path, hint?: string) => void;

function sayOfGrids({ extrapolate, lambda, methods }: ExperimentSettings, say: Say): void {
  if (extrapolate) return;
  const grids = [
    { path: ["lambda"], values: [lambda].flat() },
    ...methods.map((one, at) => ({
      path: ["methods", at, "lambda"],
      values: typeof one === "string" ? [] : [one.lambda ?? []].flat(),
    })),
  ];
  const told = new Set<number>();
  for (const { path, values } of grids) {
    const outside = [...new Set(values.filter((value) => value < 0 || value > 1))].filter((one) => !told.has(one));
    if (outside.length === 0) continue;
    for (const one of outside) told.add(one);
    say(`lambda ${outside.join(", ")} is outside of 0 to 1: write extrapolate: true if that is meant`, path);
  }
}

function sayOfMethods(settings: ExperimentSettings, say: Say): void {
  const seen = new Set<string>();
  for (const [at, one] of settings.methods.entries()) {
    const method = methodOf(one);
    if (typeof one !== "string" && one.masks !== undefined && (isOfAll(one) || !drawsMasks(one))) {
      const all = isOfAll(one) ? " over all tuned models" : "";
      say(`${method}${all} draws no masks: leave masks out`, ["methods", at, "masks"]);
    }
    if (isOfAll(one) && typeof one !== "string" && one.lambda !== undefined) {
      say(`${method} over all tuned models has no lambda`, ["methods", at, "lambda"]);
    }
    sayOfVaried(one, at, say);
    const series = declaredSeries(one, settings);
    for (const value of series.values ?? [undefined]) {
      const name = nameOf(candidateOf(series, value));
      if (seen.has(name)) say(`${name} is asked for twice`, ["methods", at]);
      seen.add(name);
    }
  }
}

/** Of an entry with a grid over another parameter than lambda. */
function sayOfVaried(entry: MethodEntry, at: number, say: Say): void {
  if (typeof entry === "string" || !entry.vary) return;
  const { method, lambda, parameters = {}, vary } = entry;
  const path = ["methods", at, "vary"];
  const known = variable(method);
  const [parameter = "", ...more] = Object.keys(vary);
  if (more.length > 0 || parameter === "") {
    say(
      `vary takes one parameter, not ${Object.keys(vary).join(" and ") || "none"}`,
      path,
      "write an entry for each value of the other",
    );
  } else if (!known.includes(parameter)) {
    const hint =
      parameter === "lambda"
        ? "write lambda: [0.2, 0.4]"
        : known.length > 0
          ? `it may vary ${known.join(", ")}`
          : "vary lambda instead";
    say(`${method} has no safe end of ${parameter}, where a series over it would start`, path, hint);
  } else if (parameters[parameter] !== undefined) {
    say(`${parameter} is in both vary and parameters`, path);
  }
  if (isOfAll(entry)) say(`${method} over all tuned models varies nothing`, path);
  if (Array.isArray(lambda) && lambda.length > 1) {
    say(
      "vary goes with one lambda",
      ["methods", at, "lambda"],
      "write an entry for each lambda: each is a series of its own",
    );
  }
}

/** Screening ends series, as bounds do. */
function sayOfScreening(settings: ExperimentSettings, say: Say): void {
  if (!isScreened(settings)) return;
  const { adaptive, select } = settings;
  const path = ["proxy", "screen"];
  if (adaptive) {
    const why = "proxy.screen asks a merge everything or nothing, and adaptive a part of the items";
    say(why, path, "leave one of the two out; adaptive saves more");
  }
  if (select.rule !== "constrained" || select.by === "point") {
    const why = "proxy.screen leaves out what is not shown to be safe by a bound, and this rule goes by none";
    say(why, path, "leave it out, or take the rule constrained by its upper bound");
  }
}

function sayOfBesideLinear(settings: ExperimentSettings, say: Say): void {
  const { methods, select, safety } = settings;
  const path = ["besideLinear"];
  if (leavesOut(settings)) {
    const what = settings.adaptive ? "adaptive leaves items out" : "proxy.screen leaves merges out";
    say(`besideLinear needs all merges on all items that choose, and ${what}`, path, "leave one of the two out");
  }
  if (!methods.some((entry) => isPlainLine(declaredSeries(entry, settings)))) {
    const why = "besideLinear compares with the plain lambda, and linear is not among the methods without parameters";
    say(why, path, "add linear to the methods, with a fine grid of lambdas");
  }
  if (select.rule === "score" && gateOf(select) === undefined && safety.test === undefined) {
    const why =
      "besideLinear compares on other safety items than it picks by, and the rule score asks all models all of them";
    say(why, path, "give safety.test, or take another rule");
  }
}

function gateReads(gate: string, skills: ExperimentSettings["skills"], isOption: boolean, problems: Problems): boolean {
  try {
    // which skills there are is known once the sets are there
    parseGate(gate, skills ? "any" : []);
    return true;
  } catch (error) {
    if (!(error instanceof RetemperError)) throw error;
    const meant = meantInGate(gate);
    const hint = meant === undefined ? error.hint : `did you mean \`${meant}\`?`;
    if (isOption) problems.add(error.message, "USAGE", { hint });
    else problems.add(error.message, "BAD_RECIPE", { path: ["select", "gate"], hint });
    return false;
  }
}

const GATE_WORDS = ["asr", "score", "overRefusal", "worstCategory", "aligned", "tuned", "and", "point", "low", "high"];

/** For the first word of a gate that is none. */
function meantInGate(gate: string): string | undefined {
  const words = gate.match(/[A-Za-z]+/g) ?? [];
  const wrong = words.find((word) => !GATE_WORDS.includes(word));
  return wrong === undefined ? undefined : nearest(wrong, GATE_WORDS);
}

/** The settings without models whose names cannot be read. */
function withReadableModels(settings: ExperimentSettings, exists: PathExists, problems: Problems): ExperimentSettings {
  const readable = (model: string | undefined, path: Path) => {
    if (model === undefined) return undefined;
    try {
      modelParts(model, exists);
      return model;
    } catch (error) {
      if (!(error instanceof RetemperError)) throw error;
      problems.add(error.message, "BAD_RECIPE", { path, hint: error.hint });
      return undefined;
    }
  };
  const { aligned, unaligned, safeModel, tuned, safety } = settings;
  const judges = safety.judges.map((judge, at) => {
    const model = judgeModelNamed(judge);
    return model === undefined || readable(model, ["safety", "judges", at]) !== undefined ? judge : "keyword";
  });
  return {
    ...settings,
    safety: { ...safety, judges },
    aligned: readable(aligned, ["aligned"]) ?? ABSENT,
    unaligned: readable(unaligned, ["unaligned"]),
    safeModel: readable(safeModel, ["safeModel"]),
    ...(tuned && { tuned: tuned.map((one, at) => ({ ...one, model: readable(one.model, ["tuned", at, "model"]) })) }),
  };
}

/** What occurs more than once, each once. */
function repeated<T>(values: readonly T[]): Set<T> {
  const seen = new Set<T>();
  return new Set(values.filter((one) => seen.has(one) || !seen.add(one)));
}
