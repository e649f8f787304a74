// What a reader of a run's numbers has to know.

import { parseGate } from "../../select/gate.js";
import { completeRule, gateOf } from "../../select/rule.js";
import { sharedPrompts } from "../checks/arrangeTasks.js";
import type { Checked } from "../checks/checked.js";
import { exploratoryText } from "../checks/exploratory.js";
import { wantedControls } from "../settings/controlEntry.js";
import { controlFacts } from "../settings/controlKinds.js";
import { isScreened } from "../settings/leavesOut.js";
import { isOfAll, methodOf } from "../settings/methodEntry.js";
import type { ExperimentSettings } from "../settings/schema.js";

export function notesOf(settings: ExperimentSettings, { judges, tasks }: Pick<Checked, "judges" | "tasks">): string[] {
  const { preset, safety, tuned, tune, methods, select: rule, engine, adaptive } = settings;
  const controls = wantedControls(settings).map(({ kind }) => controlFacts(kind).words);
  const seeds = tuned?.length ?? tune?.seeds.length ?? 0;
  const only = judges.judges.every(({ name }) => name.startsWith("keyword"));
  const shared = sharedPrompts(tasks);
  const selected = [...tasks.safety, ...tasks.safetyTest].filter(({ selectedBy }) => selectedBy !== undefined);
  const metrics = (sets: readonly (typeof tasks.test)[number][]) =>
    new Set(sets.map((set) => set.primary ?? set.metrics[0]?.name)).size;
  const ofAll = methods.filter(isOfAll).map(methodOf);
  const exploratory = exploratoryText({ preset }, tasks);
  return [
    ...(exploratory === undefined ? [] : [exploratory]),
    tasks.split
      ? "The safety items are halved by category and digest of the prompt: one half chooses, the other confirms and is asked of the written models. No item does both."
      : safety.test
        ? "Other safety sets choose than confirm."
        : "The rule does not look at safety, so that all safety items are asked of every model, and the same ones in both tables.",
    ...[...new Set(selected.map(({ name }) => name))].map(
      (name) =>
        `The items of ${name} were selected by the aligned model's own answers: its rate there is no estimate, and any change moves it one way. The set is in no rule and no test; it needs a control to compare with.`,
    ),
    ...(shared > 0
      ? [`${shared} of the task's validation prompts are in its test as well: they choose, and confirm themselves.`]
      : []),
    ...(metrics(tasks.validation) > 1 || metrics(tasks.test) > 1
      ? ["Sets of different metrics are in one score: it is the mean over their items, whatever each metric means."]
      : []),
    ...(seeds < 3
      ? [`There ${seeds === 1 ? "is one tuning" : "are two tunings"}: spreads over seeds say little or nothing.`]
      : []),
    ...(ofAll.length > 0
      ? [
          `${ofAll.join(", ")}: one merge of all tunings, compared as one model; what it would be of other tunings is not known.`,
        ]
      : []),
    ...(only
      ? ["Answers were searched for phrases of refusal: an answer without one need not be of use to anybody."]
      : []),
    ...(engine?.endpoint ? ["The test asked the server's scaled adapters, not the written files."] : []),
    ...(controls.length > 0
      ? [
          `Controls (${controls.join(", ")}) are measured on the items that choose and are never chosen; the choice is compared with each on the items that confirm.`,
        ]
      : []),
    ...(adaptive
      ? [
          "Adaptive: merges are asked by blocks of items, and left where they are not shown to be safe or can no longer be the choice. What was not asked is no result; the levels of the bounds are spent over the looks.",
        ]
      : []),
    ...(isScreened(settings)
      ? [
          "Screened by proxies: every second merge of each series is asked first, and where proxies rank these as their answers do, others that they rank clearly worse are not asked. Of those nothing is known but their proxies, and their series end there; no level changes, and what is chosen was asked everything.",
        ]
      : []),
    ...skillNotes(tasks, rule),
    `Rule: ${rule.rule}${rule.rule === "constrained" ? `, margin ${completeRule(rule).margin}` : ""}${gateOf(rule) ? `, gate ${gateOf(rule)}` : ""}.`,
    "Intervals are of 95 %. Of these tunings: over items, what these very models would do on others. Of a new tuning: over seeds and items, what the method would do with another seed.",
  ];
}

/** Which skills there are, which of them decide, and which are not asked apart. */
function skillNotes(
  { skillOf, validation, test, halved }: Checked["tasks"],
  rule: ExperimentSettings["select"],
): string[] {
  const names = [...new Set(skillOf?.values())];
  if (names.length === 0) return [];
  const gate = gateOf(rule);
  const looked = gate === undefined ? [] : parseGate(gate, "any").skills;
  const shown = names.filter((name) => !looked.includes(name) && !looked.includes("skills"));
  const shared = [...new Set([...validation, ...test].map(({ name }) => name))].filter((name) => skillOf?.has(name));
  const half = [...(skillOf?.keys() ?? [])].some((name) => halved?.has(name));
  return [
    `Skills: ${names.join(", ")}. What is kept of one is a share of the aligned model's score.${half ? " Their items are halved as those of safety are." : ""}`,
    ...(shown.length > 0 ? [`${shown.join(", ")}: shown, and in no rule.`] : []),
    ...shared.map((name) => `${name} is a set of the task and a skill: it is asked once.`),
  ];
}
