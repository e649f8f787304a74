// Tables, and the files that keep them: results/DATE-MACHINE.md, one section a run.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

const FOLDER = new URL("results/", import.meta.url);

/** A Markdown table. */
export function table(head, rows) {
  const all = [head, head.map(() => "---"), ...rows].map((row) => row.map(String));
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at].length)));
  return all
    .map((row, line) => {
      const cells = row.map((cell, at) => (line === 1 ? "-".repeat(widths[at]) : cell.padEnd(widths[at])));
      return `| ${cells.join(" | ")} |`;
    })
    .join("\n");
}

/** Appends a result to today's file of this machine. */
export function keepResult(title, command, text) {
  mkdirSync(FOLDER, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const cores = availableParallelism();
  const path = new URL(`${date}-${cores}cores.md`, FOLDER);
  if (!existsSync(path)) {
    const memory = Math.round(totalmem() / 2 ** 30);
    const model = cpus()[0]?.model.trim() ?? "unknown processor";
    appendFileSync(path, `# ${date}, ${model}, ${cores} cores, ${memory} GB, ${release()}, Node ${process.version}\n`);
  }
  const load = existsSync("/proc/loadavg") ? readFileSync("/proc/loadavg", "utf8").split(" ")[0] : "?";
  appendFileSync(path, `\n## ${title}\n\n\`${command}\` (load at the end: ${load})\n\n${text}\n`);
  console.error(`kept in ${path.pathname}`);
}
