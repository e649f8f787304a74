// What the tables call the data that choose and the data that confirm.

import type { AskedSet, ExperimentResults } from "./types.js";

type Known = Pick<ExperimentResults, "parts"> & {
  readonly validation?: Pick<ExperimentResults["validation"], "aligned"> | undefined;
};

/** The data that lambda is chosen by. */
export function validationData({ parts, validation }: Known): string {
  const data = parts?.split
    ? `validation data, the choosing half of the safety items: ${parts.validation.safety}`
    : "validation data";
  return `${data}${weightsText(validation)}`;
}

/** In which weights models were asked the items that choose, where these are not those that are stored: ", weights in q8_0". */
function weightsText(validation: Known["validation"]): string {
  const weights = validation?.aligned.weights;
  return weights === undefined ? "" : `, weights in ${weights}`;
}

/** The data that the chosen models are measured on. */
export function testData({ parts }: Known): string {
  return parts?.split ? `test data, the confirming half of the safety items: ${parts.test.safety}` : "test data";
}

/** Of a table: "Data that chose: 19 safety items, half of the first 40 of 150 rows; 40 task items". */
export function dataOf(
  {
    parts,
    confirmation,
    validation,
  }: Known & {
    readonly confirmation?: ExperimentResults["confirmation"];
  },
  part: "validation" | "test",
): string {
  const confirms = confirmation !== undefined || parts?.split === true;
  const name =
    part === "validation" ? `Data that chose${weightsText(validation)}` : confirms ? "Data that confirm" : "Test data";
  if (!parts) return name;
  const over = (validation?.aligned.overRefusal && setsOf(parts.sets, part, "over-refusal")) || [];
  const harmless = over.reduce((sum, { items }) => sum + items, 0);
  const words = [
    itemsOf({ parts }, part),
    ...(harmless > 0 ? [`${harmless} harmless requests${rowsText(over)}`] : []),
    `${parts[part].task} task items${rowsText(setsOf(parts.sets, part, "task"))}`,
    ...skillWords(parts.sets, part),
  ];
  return `${name}: ${words.join("; ")}`;
}

/** "35 items of general (half of 70)", of each skill that is asked apart. */
function skillWords(sets: readonly AskedSet[] = [], part: AskedSet["part"]): string[] {
  const own = sets.filter((one) => one.part === part && one.skill !== undefined);
  return [...new Set(own.map(({ skill }) => skill))].map((name) => {
    const of = own.filter(({ skill }) => skill === name);
    return `${of.reduce((sum, { items }) => sum + items, 0)} items of ${name}${rowsText(of)}`;
  });
}

/** "19 safety items (half of the first 40 of 150 rows)"; "" where it is not known. */
export function itemsOf({ parts }: Known, part: "validation" | "test"): string {
  if (!parts) return "";
  // those that stand outside of the choice are in no number of items
  const outside = [...parts.selected, ...(parts.stressed ?? [])];
  const counted = setsOf(parts.sets, part, "safety").filter(({ name }) => !outside.includes(name));
  return `${parts[part].safety} safety items${rowsText(counted)}`;
}

function setsOf(sets: readonly AskedSet[] = [], part: AskedSet["part"], kind: AskedSet["kind"]): AskedSet[] {
  return sets.filter((one) => one.part === part && one.kind === kind && one.skill === undefined);
}

/** Which rows they are, where sets are halved or a limit left rows out. */
function rowsText(sets: readonly AskedSet[]): string {
  const total = (of: (one: AskedSet) => number) => sets.reduce((sum, one) => sum + of(one), 0);
  const [asked, rows] = [total((one) => one.asked), total((one) => one.rows)];
  const half = sets.some(({ halved }) => halved) ? "half of " : "";
  if (sets.some(({ limit }) => limit !== undefined)) {
    const first = sets.length === 1 && sets[0]?.limit === asked ? "the first " : "";
    return ` (${half}${first}${asked} of ${rows} rows)`;
  }
  return half === "" || rows === 0 ? "" : ` (${half}${asked})`;
}

/** Of each set how many of its rows were asked: "the first 40 of 150 rows". */
export function askedText({ asked, rows, limit }: AskedSet): string {
  if (limit === undefined) return asked === rows ? `all ${rows} rows` : `${asked} items of ${rows} rows`;
  return limit === asked ? `the first ${asked} of ${rows} rows` : `${asked} of ${rows} rows`;
}
