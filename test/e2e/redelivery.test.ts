// A queue that redelivers: the same job started while it runs, at the same moment, after it is complete, and after its worker
// died. One run does the work, the others refuse (12) or find it done; a job is known by what its recipe means.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeLargeModels } from "../../scripts/makeLargeModel.mjs";
import { long } from "../long.js";
import { demoAdapter, demoModel, jsonLines, type Running, run, runProcess, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
let models: readonly string[] = [];
let count = 0;
const started: Running[] = [];

beforeAll(() => {
  const shape = { layers: 4, hidden: 512, intermediate: 1024, kv: 128, vocab: 8000, seed: 1 };
  models = makeLargeModels(join(folder, "models"), shape, 1);
});
afterEach(() => {
  for (const { process: child } of started.splice(0)) child.kill("SIGKILL");
});

/** A job that takes a while: its tolerance is never met. */
function slowRecipe(): string {
  const list = models.map((model) => `- model: ${model}`).join("\n");
  return `merge_method: karcher\nmodels:\n${list}\nparameters: { max_iter: 200, tol: 0 }\n`;
}

function newJob(recipe: string) {
  const place = join(folder, `${count++}`);
  mkdirSync(place);
  const [file, out] = [join(place, "job.yml"), join(place, "outputs", "merged")];
  writeFileSync(file, recipe);
  const args = (command: "batch" | "merge") =>
    command === "batch" ? ["batch", file, "--out", out, "--json"] : ["merge", file, out, "--json"];
  return { file, out, args };
}

interface Batch {
  readonly counts: Readonly<Record<string, number>>;
  readonly bytesWritten: number;
}

/** What a batch of one entry says of it. */
function outcome(stdout: string): Batch & { readonly code?: string; readonly message?: string } {
  const last = jsonLines(stdout).at(-1) as { result: Batch; error?: { code: string; message: string } };
  const { counts, bytesWritten } = last.result;
  return { counts, bytesWritten, ...last.error };
}

/** Starts the job and stops its process, with SIGSTOP, in the middle of its work. */
async function stoppedInTheMiddle(
  { out, args }: ReturnType<typeof newJob>,
  command: "batch" | "merge",
): Promise<Running> {
  const first = start(args(command));
  started.push(first);
  const works = () => {
    try {
      return readdirSync(join(out, "..")).some((name) => /^\.merged\.retemper-[0-9a-f]{12}$/.test(name));
    } catch {
      return false;
    }
  };
  while (!works()) await sleep(1);
  first.process.kill("SIGSTOP");
  return first;
}

/** Every file with its inode, time and content: the same only where nothing was written. */
function stateOf(out: string): string[] {
  return readdirSync(out)
    .sort()
    .map((name) => {
      const { ino, mtimeMs } = statSync(join(out, name));
      return `${name} ${ino} ${mtimeMs} ${readFileSync(join(out, name)).length}`;
    });
}

describe("a job that is delivered again", { timeout: 240_000 }, () => {
  it.each(["batch", "merge"] as const)(
    "while a %s of it runs is refused, and found complete afterwards",
    async (command) => {
      const job = newJob(slowRecipe());
      const first = await stoppedInTheMiddle(job, command);
      for (const again of ["batch", "merge"] as const) {
        const { status, stdout } = await run(job.args(again));
        expect(status).toBe(12);
        const { error } = jsonLines(stdout).at(-1) as { error: { code: string; message: string } };
        expect(error).toMatchObject({ code: "OUTPUT_EXISTS" });
        expect(error.message).toContain(`process ${first.process.pid} on`);
      }
      first.process.kill("SIGCONT");
      expect((await first.finished).status).toBe(0);
      expect((await run(["verify", job.out])).status).toBe(0);

      const before = stateOf(job.out);
      writeFileSync(job.file, `# delivered again\n${slowRecipe().replace("tol: 0", "tol: 0.0")}`);
      const third = await run(job.args("batch"));
      expect(third.status).toBe(0);
      expect(outcome(third.stdout)).toMatchObject({ counts: { skipped: 1, made: 0 }, bytesWritten: 0 });
      expect((await run(job.args("merge"))).status).toBe(12);
      expect(stateOf(job.out)).toEqual(before);
      expect(readdirSync(join(job.out, ".."))).toEqual(["merged"]);

      writeFileSync(job.file, slowRecipe().replace("200", "7"));
      const other = await run(job.args("batch"));
      expect(other.status).toBe(12);
      expect(outcome(other.stdout).message).toMatch(/would become another/);
      expect(stateOf(job.out)).toEqual(before);
    },
  );

  it("because its worker was killed is done by the next one", async () => {
    const job = newJob(slowRecipe());
    const first = await stoppedInTheMiddle(job, "batch");
    first.process.kill("SIGKILL");
    expect((await first.finished).signal).toBe("SIGKILL");
    const second = await run(job.args("batch"));
    expect(second.status).toBe(0);
    expect(outcome(second.stdout).counts).toMatchObject({ made: 1 });
    expect(readdirSync(join(job.out, ".."))).toEqual(["merged"]);
  });

  it.runIf(long)("at the same moment is made once, the same bytes as ever", async () => {
    const recipe = `merge_method: linear\nmodels:\n- { model: ${demoModel}, parameters: { weight: 0.5 } }\n- { model: ${demoModel}+${demoAdapter}, parameters: { weight: 0.5 } }\n`;
    const alone = newJob(recipe);
    expect((await run(alone.args("batch"))).status).toBe(0);
    const weights = readFileSync(join(alone.out, "model.safetensors"));
    for (let round = 0; round < 4; round++) {
      const job = newJob(recipe);
      const all = await Promise.all([0, 1, 2].map(() => runProcess(job.args("batch"))));
      const outcomes = all.map(({ status, stdout }) => ({ status, ...outcome(stdout) }));
      expect(outcomes.filter(({ counts }) => counts.made === 1)).toHaveLength(1);
      for (const { status, counts, code } of outcomes) {
        if (counts.made === 1 || counts.skipped === 1) expect(status).toBe(0);
        else expect({ status, code }).toEqual({ status: 12, code: "OUTPUT_EXISTS" });
      }
      expect(readFileSync(join(job.out, "model.safetensors")).equals(weights)).toBe(true);
      expect(readdirSync(join(job.out, ".."))).toEqual(["merged"]);
      const last = await run(job.args("batch"));
      expect(outcome(last.stdout).counts).toMatchObject({ skipped: 1 });
    }
  });
});
