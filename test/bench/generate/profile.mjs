// `npm run bench -- generate --profile`: where a decode step of one sequence goes, and how long its weights take at the speed of
// memory. The native runtime counts what happens inside of its one call for a step, where the environment asks for it.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { table } from "../results.mjs";
import { environmentOf } from "./targets.mjs";

const script = fileURLToPath(new URL("profileRetemper.mjs", import.meta.url));

/**
 * One section: milliseconds and share of a step by part, of the least of each part, the fastest step and the middle one.
 * @param yardstick bytes of the weights, and the fastest kernel of memory by name and GB/s
 */
export function profileOf(title, settings, { bytes, kernel, speed }) {
  console.error(`${title}: profile …`);
  const env = { ...process.env, ...environmentOf(settings.target) };
  const made = JSON.parse(
    execFileSync(process.execPath, [script, JSON.stringify(settings)], { env, encoding: "utf8" }),
  );
  const columns = ["least", "fastest", "middle"].map((name) => made[name]);
  const row = (name, of) => [
    name,
    ...columns.flatMap((column) => [of(column).toFixed(3), share(of(column), column.total)]),
  ];
  const rows = ["parts", "within"].flatMap((kind) =>
    Object.keys(made.fastest[kind]).map((name) =>
      row(kind === "within" ? `(${name})` : name, (column) => column[kind][name]),
    ),
  );
  rows.push(row("a step", ({ total }) => total));
  const memory = bytes / 1e6 / speed;
  rows.push(row(`(${(bytes / 1e6).toFixed(0)} MB at ${speed.toFixed(1)} GB/s, ${kernel})`, () => memory));
  const text = table(["part", "least of each part", "", "fastest step", "", "middle step", ""], rows);
  return `**${title}**, a step of one sequence (of ${made.steps}), milliseconds; what is in brackets is within the others, or beside them. The processor's time for a step, all threads: ${made.processor.toFixed(2)}\n\n${text}`;
}

const share = (time, total) => `${((100 * time) / total).toFixed(1)} %`;
