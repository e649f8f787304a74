// Runs one command and observes it from outside: wall time, CPU time, peak anonymous and resident memory.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const SAMPLE_MS = 10;
const TICKS = 100; // USER_HZ of Linux

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ seconds: number, cpu: number, anonymousMb: number, residentMb: number, stdout: string }>}
 *   Memory is the largest sample, one each 10 ms, of the process and its children; CPU seconds are the last sample.
 */
export async function observe(command, args, { cwd, env } = {}) {
  const started = performance.now();
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr = (stderr + data).slice(-4000);
  });
  const peak = { anonymousMb: 0, residentMb: 0, cpu: 0 };
  const timer = setInterval(() => sample(child.pid, peak), SAMPLE_MS);
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).finally(() => clearInterval(timer));
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return { seconds, ...peak, stdout };
}

function sample(pid, peak) {
  let anonymous = 0;
  let resident = 0;
  let cpu = 0;
  for (const id of family(pid)) {
    try {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      anonymous += Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
      resident += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
      const stat = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      cpu += (Number(stat[11]) + Number(stat[12])) / TICKS;
    } catch {
      // The process ended between two reads.
    }
  }
  peak.anonymousMb = Math.max(peak.anonymousMb, anonymous);
  peak.residentMb = Math.max(peak.residentMb, resident);
  peak.cpu = Math.max(peak.cpu, cpu);
}

function family(pid) {
  const all = [pid];
  for (let at = 0; at < all.length; at++) {
    try {
      for (const task of readdirSync(`/proc/${all[at]}/task`)) {
        const children = readFileSync(`/proc/${all[at]}/task/${task}/children`, "utf8");
        all.push(...children.split(" ").filter(Boolean).map(Number));
      }
    } catch {
      // Ended.
    }
  }
  return all;
}

/** The middle value; of an even number, the lower of the two. */
export function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
