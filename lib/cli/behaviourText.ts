// A comparison of behaviour for people: five lines, or all of it.

import type { BehaviourReport, Cause, Divergence } from "../index.js";

/** @param all every cause with its evidence, and every answer that parts */
export function behaviourText(report: BehaviourReport, all: boolean): string {
  const { causes, answers, prompts } = report;
  const names = causes.map(({ name, sure }) => `${name} (${sure})`).join(", ");
  const [cause] = causes;
  const [parting] = answers.divergences;
  const lines = [
    `${report.verdict}${names === "" ? "" : `: ${names}`}; ${report.a.name} and ${report.b.name}, ${prompts} ${prompts === 1 ? "prompt" : "prompts"}`,
    `cause:    ${cause === undefined ? "none was found" : `${cause.summary} ${cause.evidence[0] ?? ""}`}`,
    `numbers:  ${numbers(report)}`,
    `answers:  ${answers.same} of ${answers.compared} the same${parting ? `; ${parts(parting)}` : ""}`,
    `to do:    ${cause?.remedy ?? (report.verdict === "same" ? "nothing" : `differences are within ${report.tolerance} nats a token`)}`,
  ];
  if (!all) return lines.join("\n");
  const rest = [
    ...causes.flatMap((one) => ["", ...evidence(one)]),
    ...(report.text?.differences ?? []).map(
      ({ prompt, what, a, b }) => `prompt ${prompt}, ${what}: A ${quoted(a)}, B ${quoted(b)}`,
    ),
    ...answers.divergences.map(parts),
    ...report.verdicts.flatMap(({ judge, differences }) =>
      differences.map(({ prompt, a, b }) => `prompt ${prompt}, ${judge}: A ${a}; B ${b}`),
    ),
  ];
  return [...lines, ...rest].join("\n");
}

function evidence({ name, sure, summary, evidence: facts, remedy }: Cause): string[] {
  return [`${name} (${sure}): ${summary}`, ...facts.map((fact) => `  - ${fact}`), `  to do: ${remedy}`];
}

function numbers({ firstToken, sameTokens, logprobGap, weights, verdicts }: BehaviourReport): string {
  const parts: string[] = [];
  if (firstToken) {
    parts.push(`first token KL ${short(firstToken.klMean)} nats, top-1 the same in ${share(firstToken.top1)}`);
  }
  if (sameTokens) parts.push(`given the same ids KL ${short(sameTokens.klMean)}, top-1 ${share(sameTokens.top1)}`);
  if (logprobGap !== undefined) parts.push(`log-probabilities ${short(logprobGap)} nats apart`);
  if (weights)
    parts.push(`weights ${share(weights.distance)} apart, ${weights.equal} of ${weights.tensors} tensors equal`);
  for (const { judge, same, compared } of verdicts) parts.push(`${judge} says the same of ${same} of ${compared}`);
  return parts.length === 0 ? "none" : parts.join("; ");
}

function parts({ prompt, token, before, a, b }: Divergence): string {
  const where = token < 0 ? "" : ` at token ${token}`;
  const after = before === "" ? "" : ` after ${quoted(before)}`;
  return `prompt ${prompt} parts${where}${after}: A ${quoted(a)}, B ${quoted(b)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function short(value: number): string {
  return value === 0 ? "0" : Number(value.toPrecision(2)).toString();
}

function share(value: number): string {
  return `${short(value * 100)} %`;
}
