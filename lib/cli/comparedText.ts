// Models compared tensor by tensor, as a table of text.

import type { ComparedChanges, TensorComparison } from "../entries/merge.js";
import { table } from "./table.js";

/** D is the fine-tuned model minus the aligned one, V the aligned one minus the unaligned one. */
export function comparedText({ tensors, total, unaligned, leftOut }: TensorComparison): string {
  const ranked = tensors.some(({ tuning }) => tuning.effectiveRank !== undefined);
  const head = [
    ...["tensor", "|A|", "|D|", "|D|/|A|", ...(ranked ? ["rank D"] : [])],
    ...(unaligned === undefined ? [] : ["|V|", "|V|/|A|", ...(ranked ? ["rank V"] : []), "cos D,V", "same sign"]),
  ];
  const row = (name: string, { norm, tuning, alignment, cosineOfChanges, signAgreement }: ComparedChanges) => [
    ...[name, digits(norm), digits(tuning.norm), digits(tuning.relative)],
    ...(ranked ? [rank(tuning.effectiveRank)] : []),
    ...(alignment
      ? [
          ...[digits(alignment.norm), digits(alignment.relative), ...(ranked ? [rank(alignment.effectiveRank)] : [])],
          ...[fixed(cosineOfChanges), fixed(signAgreement)],
        ]
      : []),
  ];
  const rows = [...tensors.map((tensor) => row(tensor.name, tensor)), row("all", total)];
  const text = table(
    head,
    rows,
    head.flatMap((_, at) => (at === 0 ? [] : [at])),
  );
  if (leftOut.length === 0) return text;
  return `${text}\n\nnot in all of the models, and left out: ${leftOut.join(", ")}`;
}

function digits(value: number | undefined): string {
  return value === undefined ? "-" : value.toPrecision(4);
}

function rank(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(1);
}

function fixed(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(3);
}
