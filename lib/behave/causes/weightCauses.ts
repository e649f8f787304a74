// Causes in the weights: an adapter that is in them twice or not at all, another base, another lambda, number formats.

import type { Cause, CauseName, LineFit, WeightComparison } from "../types.js";
import { type Findings, otherOf, percent, shortNumber } from "./findings.js";

/**
 * What rounding to bfloat16, twice, leaves at most as a share of the norm: one rounding is off by at most 2^-9 of a value, and
 * by 0.0017 in the mean.
 */
const ROUNDING = 0.005;
/** What four bits leave at most: one unit in 16 of a block's largest value, in blocks of 32 to 256. */
const FOUR_BITS = 0.2;
/** A scale this far off is another one, however small its error is. */
const SCALE_OFF = 0.02;

/** Formats in which every value stands for itself; all others are quantised. */
const PLAIN = new Set(["F64", "F32", "BF16", "F16"]);

export function weightCauses(findings: Findings): Cause[] {
  const { a, b, marks, weights } = findings;
  const formats = formatCauses(findings);
  const { line } = weights.weights ?? {};
  const quantised = [a.facts.storage, b.facts.storage].some((format) => format && !PLAIN.has(format));
  const noise = quantised || marks.a === "4 bits" || marks.b === "4 bits" ? FOUR_BITS : ROUNDING;
  if (weights.misfit !== undefined) return [...formats, misfit(weights.misfit)];
  if (line !== undefined) return [...lineCauses(findings, line, noise), ...formats];
  return [...formats, ...otherWeights(findings, noise)];
}

function misfit(what: string): Cause {
  return {
    name: "other-weights",
    sure: "certain",
    summary: "The two do not have the same tensors: they are other models.",
    evidence: what.split("\n").slice(0, 6),
    remedy: "Look at both with retemper inspect.",
    numeric: false,
  };
}

/** On the line, at another place; beside it; or where it should be. */
function lineCauses({ a, b, weights, marks }: Findings, line: LineFit, noise: number): Cause[] {
  const owner = a.line ? "a" : "b";
  const [it, other] = [owner.toUpperCase(), otherOf(owner).toUpperCase()];
  const { scale, error, expected, rest, change, untouched, untouchedEqual, untouchedDistance } = line;
  const moved = Math.abs(scale) * change;
  const near = rest <= noise || rest <= 0.2 * moved;
  const still = untouchedDistance <= noise;
  const bases = a.line?.what === "adapter" && b.line?.what === "adapter";
  const evidence = [
    `a fit of ${other} on the change of ${it}'s ${line.what}: scale ${scale.toFixed(3)} ± ${error.toExponential(1)}, expected ${shortNumber(expected)}`,
    `what the fit leaves is ${percent(rest)} of the origin's norm; the change is ${percent(change)}`,
    bases
      ? `the bases have ${untouchedEqual} of ${untouched} tensors in common, distance ${percent(untouchedDistance)}`
      : `${untouchedEqual} of ${untouched} tensors that the change leaves alone are equal, distance ${percent(untouchedDistance)}`,
  ];
  if (near && still) {
    const off = Math.abs(scale - expected);
    if (off <= Math.max(SCALE_OFF * Math.max(1, Math.abs(expected)), 5 * error)) return [];
    const exact = rest <= noise ? "certain" : "likely";
    return [placeCause(line, { it, other, evidence, sure: exact })];
  }
  const baseName = (owner === "a" ? a : b).line?.baseName;
  if (baseName !== undefined) evidence.push(`the adapter's own configuration names ${baseName} as its base`);
  const carries = expected !== 0 && Math.abs(scale / expected - 1) <= Math.max(0.35, 5 * error) && moved > 0;
  if (line.what === "adapter" && carries && 5 * error < Math.abs(expected)) {
    return [
      {
        name: "other-base",
        sure: still ? "likely" : "certain",
        summary: `${other} has the adapter's change over another base model.`,
        evidence,
        remedy:
          "Apply the adapter to the base that it was trained on (base_model_name_or_path and its revision), unquantised.",
        numeric: false,
      },
    ];
  }
  return [others(weights.weights as WeightComparison, marks, evidence)];
}

function placeCause(
  { what, scale, expected, error }: LineFit,
  { it, other, evidence, sure }: { it: string; other: string; evidence: readonly string[]; sure: Cause["sure"] },
): Cause {
  const close = (value: number) => Math.abs(scale - value) <= Math.max(SCALE_OFF, 5 * error);
  const told = (name: CauseName, summary: string, remedy: string): Cause => {
    return { name, sure, summary, evidence, remedy, numeric: false };
  };
  if (what === "fine-tuned model") {
    return told(
      "other-lambda",
      `${other} is the same merge at lambda ${scale.toFixed(3)}, not ${shortNumber(expected)}.`,
      `Merge again with --lambda ${shortNumber(expected)}, or compare with ${it} at lambda ${scale.toFixed(2)}.`,
    );
  }
  if (close(0)) {
    return told(
      "adapter-not-applied",
      `The adapter is not in ${other}: its weights are those of the base.`,
      "Merge the adapter into the weights before they are exported (retemper merge, or merge_and_unload), or load it on the server.",
    );
  }
  if (close(2 * expected)) {
    return told(
      "adapter-applied-twice",
      `The adapter's change is in ${other} twice.`,
      "Apply it once: do not load the adapter over weights into which it was merged already, and see lora_alpha.",
    );
  }
  return told(
    "adapter-scale",
    `The adapter's change is in ${other} ${scale.toFixed(3)} times, not ${shortNumber(expected)} times.`,
    "Check lora_alpha, r and use_rslora: the scale is alpha / r, or alpha / sqrt(r) with rsLoRA.",
  );
}

function otherWeights(findings: Findings, noise: number): Cause[] {
  const { differing = [], weights } = findings.weights;
  if (weights === undefined) return [];
  const headless = differing.filter(({ name }) => !/lm_head|embed_out|^output\b/.test(name));
  const untied = headless.length < differing.length && headless.length === 0;
  if (differing.length === 0 || untied) return [];
  const formats = formatCauses(findings);
  if (weights.distance <= noise && formats.length > 0) return [];
  return [others(weights, findings.marks, [])];
}

function others(weights: WeightComparison, marks: Findings["marks"], evidence: readonly string[]): Cause {
  const small = weights.distance <= ROUNDING;
  return {
    name: "other-weights",
    sure: "certain",
    summary: small
      ? `The weights differ by ${percent(weights.distance)}, about as much as rounding does.`
      : `The weights are others: they lie ${percent(weights.distance)} apart.`,
    evidence: [
      ...evidence,
      `${weights.tensors - weights.equal} of ${weights.tensors} tensors differ; most of all ${weights.most
        .map(({ name, distance }) => `${name} (${percent(distance)})`)
        .slice(0, 3)
        .join(", ")}`,
      ...(marks.a === marks.b ? [] : [`values of A ${markText(marks.a)}, of B ${markText(marks.b)}`]),
    ],
    remedy: small
      ? "Another tool, or another order of rounding, made them; --tolerance says how much of it you accept."
      : "B is another checkpoint or another training step: compare the files' dates and digests (retemper verify).",
    numeric: small,
  };
}

function markText(mark: string | undefined): string {
  return mark === undefined ? "have all their digits" : `are those of ${mark}`;
}

/** Other number formats: by what the files say, and by marks that an earlier format left in the values. */
export function formatCauses({ a, b, marks, weights }: Findings): Cause[] {
  const [of, ofOther] = [a.facts.storage, b.facts.storage];
  if (of === undefined || ofOther === undefined) return [];
  const distance = weights.weights && `|A - B| / |A| is ${percent(weights.weights.distance)} over all tensors`;
  const evidence = [`most weights are stored as ${of} in A and ${ofOther} in B`, ...(distance ? [distance] : [])];
  const packed = [of, ofOther].filter((format) => !PLAIN.has(format));
  if (of !== ofOther && packed.length > 0) return [quantisation("certain", packed.join(" and "), evidence)];
  const four = { a: marks.a === "4 bits", b: marks.b === "4 bits" };
  if (four.a !== four.b) {
    const which = four.b ? "B" : "A";
    const seen = `in ${which} the values of a block of 32 weights are at most 16 different ones`;
    return [quantisation("certain", `4 bits (${which})`, [...evidence, seen])];
  }
  if (of === ofOther) {
    // Marks of rounding are no explanation where the weights are others anyway.
    const apart = weights.weights?.distance ?? 0;
    if (marks.a === marks.b || apart === 0 || apart > ROUNDING) return [];
    const [which, mark] = marks.b === undefined ? ["A", marks.a] : ["B", marks.b];
    return [dtype([...evidence, `all values of ${which} that were looked at are exactly those of ${mark}`])];
  }
  return [dtype(evidence)];
}

function dtype(evidence: readonly string[]): Cause {
  return {
    name: "dtype",
    sure: "certain",
    summary:
      "The weights are in other number formats, so values were rounded, and engines that compute in them round otherwise.",
    evidence,
    remedy: "Export B in the dtype of A (--dtype); bfloat16 models may overflow in float16.",
    numeric: true,
  };
}

function quantisation(sure: Cause["sure"], what: string, evidence: readonly string[]): Cause {
  return {
    name: "quantisation",
    sure,
    summary: `One of the two is quantised: ${what}.`,
    evidence,
    remedy:
      "Take more bits (q8_0, q6_k), or accept this much with --tolerance; measure the quantised model, not the original.",
    numeric: true,
  };
}
