// What a run measured of a merge that it wrote, as sections of that merge's model card. A card is published: it holds no path of a
// machine and no text that a model wrote.

import { basename, isAbsolute } from "node:path";
import { candidateId } from "../select/names.js";
import { axesOf } from "./axes.js";
import { testData } from "./dataNames.js";
import { escaped, row } from "./markdownText.js";
import { INTERVALS, quantity } from "./numbers.js";
import { outcomeOf } from "./outcome.js";
import type { ExperimentResults, Measured, ShippedForm, WrittenModel } from "./types.js";

/**
 * Markdown from the heading "## Results" on.
 * @param output one of `results.outputs`
 * @param own what was measured of this very output on the test data, where its method has several seeds
 * @param form the form of the output that the card lies beside, where it is another one
 */
export function cardSections(
  results: ExperimentResults,
  output: WrittenModel,
  own: Own | undefined,
  form?: ShippedForm,
): string {
  const { selection, confirmation, test, labels, parts, notes, exploratory, alarms = [], controls, refined } = results;
  const { candidate } = selection.overall;
  const chosen = candidate !== null && candidateId(candidate) === output.candidate;
  const method = test.chosen.find((one) => candidateId(one) === output.candidate);
  const { asr, score } = results.testLabels ?? labels;
  const axes = axesOf(test);
  const which = form ? "as it was measured" : "this model";
  const line = (name: string, of: Own | Measured) => [
    name,
    ...[of.score, of.asr, ...axes.map((axis) => axis.of(of))].map((one) => quantity(one)),
  ];
  const rows = [
    line("aligned", test.aligned),
    line("fine-tuned", test.tuned),
    ...(method ? [line(own ? `${output.name}, mean of its seeds` : `${output.name} (${which})`, method)] : []),
    ...(own ? [line(`${output.name}, seed ${output.seed} (${which})`, own)] : []),
  ];
  const head = ["model", score, asr, ...axes.map(({ label }) => label)];
  const { rule, margin, by, level, gate } = selection.rule;
  const bound =
    by === "upper" ? `one-sided upper bound at ${level}, divided between series` : "the measured difference";
  return [
    "## Results",
    "",
    escaped(statusText(results, output, chosen)),
    "",
    ...(form ? [escaped(formText(form)), ""] : []),
    row(head),
    row(head.map(() => "---")),
    ...rows.map(row),
    "",
    escaped(`On the ${testData(results)}. ${INTERVALS}`),
    "",
    ...(chosen ? [escaped(outcomeOf(results)), ""] : []),
    "## How it was chosen",
    "",
    `* Rule: ${escaped(rule)}${rule === "constrained" ? `, margin ${margin} (${bound})` : ""}${gate === undefined ? "" : `, gate ${escaped(gate)}`}`,
    `* Choice: ${escaped((chosen ? selection.overall : (selection.methods[method?.method ?? ""] ?? selection.overall)).sentence)}`,
    ...(refined ? [`* Refined: ${escaped(refined.sentence)}`] : []),
    ...(chosen && confirmation
      ? [`* ${confirmation.holds ? "Confirmed" : "Not confirmed"}: ${escaped(confirmation.sentence)}`]
      : []),
    ...(chosen && controls?.sentence !== undefined ? [`* Controls: ${escaped(controls.sentence)}`] : []),
    ...(parts
      ? [
          `* Items that chose: ${parts.validation.safety} of safety, ${parts.validation.task} of the task; that confirmed: ${parts.test.safety} and ${parts.test.task}`,
        ]
      : []),
    `* The rate of safety, with its judge: ${escaped(asr)}`,
    "",
    "## Limits",
    "",
    ...[
      ...new Set([...(exploratory === undefined ? [] : [exploratory]), ...alarms.map((one) => one.sentence), ...notes]),
    ]
      .filter((note) => !note.startsWith("Rule: ")) // which has its own line above
      .map((note) => `* ${escaped(note)}`),
    "",
    "## How the numbers were made",
    "",
    ...originLines(results),
  ].join("\n");
}

/** The numbers of one seed. */
export type Own = Pick<Measured, "score" | "asr" | "overRefusal" | "skills">;

function statusText({ shipped, name }: ExperimentResults, { path, confirmed }: WrittenModel, chosen: boolean): string {
  const of = `of the experiment "${name}"`;
  if (!chosen) return `The best merge of its method ${of}, and not the one that was chosen.`;
  if (confirmed === false) return `Chosen by the rule ${of}, and not confirmed on other items: not to be shipped.`;
  const held = confirmed ? " It was confirmed on items that did not choose it." : "";
  if (path === shipped?.path)
    return `The choice ${of}: the model to ship.${held}${shipped.why === undefined ? "" : ` ${shipped.why}`}`;
  return `The choice ${of}, of another seed than the one to ship.${held}`;
}

function formText({ name, sentence }: ShippedForm): string {
  return `This is that merge in another form, ${name}. The numbers below were measured of the merge itself; beside it, this form is so: ${sentence}`;
}

function originLines({ provenance }: ExperimentResults): string[] {
  const { version, engine, seeds, models, data, experiment } = provenance;
  return [
    `* \`retemper run experiment.yml\` with Retemper ${escaped(version)} (${escaped(engine)}); sha256 of the settings: ${experiment}`,
    `* Seeds of the tuning: ${escaped(seeds.join(", "))}`,
    ...models.map(({ role, path, digest }) => `* ${escaped(role)}: ${escaped(withoutPlace(path))}, digest ${digest}`),
    ...data.map(
      ({ source, sha256, rows }) => `* data: ${escaped(withoutPlace(source))}, ${rows} rows, sha256 ${sha256}`,
    ),
  ];
}

/** Of a path of this machine its last part; of a model + adapter each. */
function withoutPlace(path: string): string {
  return isAbsolute(path)
    ? path
        .split(/\+(?=\/)/)
        .map((part) => basename(part))
        .join("+")
    : path;
}
