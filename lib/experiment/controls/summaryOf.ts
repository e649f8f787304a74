// What all comparisons with controls come to, in one sentence.

import type { ControlComparison } from "../../report/types.js";

/**
 * @param merge the chosen one's name
 * @param rate what is compared, such as "refusals lost (keyword)"
 * @returns undefined where nothing was compared
 */
export function summaryOf(
  comparisons: readonly ControlComparison[],
  { merge, rate }: { readonly merge: string; readonly rate: string },
): string | undefined {
  if (comparisons.length === 0) return undefined;
  const named = (fits: (one: ControlComparison) => boolean) => listed(comparisons.filter(fits).map(({ name }) => name));
  const [lower, higher, open] = (["lower", "higher", "not shown"] as const).map((verdict) =>
    named((one) => one.verdict === verdict),
  );
  const [unreached, unlike] = [named(({ at }) => at === "best score"), named(({ at }) => at === "nearest score")];
  const equal = [
    ...(lower ? [`is shown to be lower than ${lower}`] : []),
    ...(higher ? [`is shown to be higher than ${higher}`] : []),
    ...(open ? [`is not shown to differ from ${open}`] : []),
  ];
  const parts = [
    ...(equal.length > 0 ? [`At equal task score, ${rate} of ${merge} ${equal.join("; it ")}.`] : []),
    ...(unreached ? [`Its task score is never reached by ${unreached}.`] : []),
    ...(unlike ? [`At equal task score it could not be compared with ${unlike}.`] : []),
  ];
  return parts.join(" ").replace(/^Its task score/, `The task score of ${merge}`);
}

function listed(names: readonly string[]): string | undefined {
  if (names.length < 2) return names[0];
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
