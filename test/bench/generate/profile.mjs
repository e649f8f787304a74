// `npm run bench -- generate --profile`: where a decode step of one sequence goes, operation by operation. The native runtime's
// functions are wrapped from JavaScript, so nothing of the engine knows that it is measured, and nothing of it is slower otherwise.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { table } from "../results.mjs";
import { environmentOf } from "./targets.mjs";

const script = fileURLToPath(new URL("profileRetemper.mjs", import.meta.url));

/** One section: microseconds and share of a step by part, of the least of each part, the fastest step and the middle one. */
export function profileOf(title, settings) {
  console.error(`${title}: profile …`);
  const env = { ...process.env, ...environmentOf(settings.target) };
  const made = JSON.parse(
    execFileSync(process.execPath, [script, JSON.stringify(settings)], { env, encoding: "utf8" }),
  );
  const columns = ["least", "fastest", "middle"].map((name) => made[name]);
  const row = (name, of) => [
    name,
    ...columns.flatMap((column) => [of(column).toFixed(0), share(of(column), column.total)]),
  ];
  const rows = ["parts", "within"].flatMap((kind) =>
    Object.keys(made.fastest[kind]).map((name) =>
      row(kind === "within" ? `(${name})` : name, (column) => column[kind][name]),
    ),
  );
  rows.push(row("a step", ({ total }) => total));
  const text = table(["part", "least of each part", "", "fastest step", "", "middle step", ""], rows);
  return `**${title}**, a step of one sequence (of ${made.steps}), microseconds; what is in brackets is within the others\n\n${text}`;
}

const share = (time, total) => `${((100 * time) / total).toFixed(1)} %`;
