// Runs Python programs that nobody has read, each in a sandbox of its own.

import { availableParallelism } from "node:os";
import { RetemperError } from "../../errors.js";
import { openSandbox, type Sandbox } from "./openSandbox.js";
import { PROGRAM_LIMITS } from "./programLimits.js";
import { startProgram } from "./startProgram.js";
import type { ProgramCheck } from "./supervisor.js";

export type { ProgramCheck };

export interface Program {
  /** Python. Alone, it passes if it runs to its last line: an exception, `exit()` and a time-out are failures. */
  readonly source: string;
  /**
   * Decides whether the program passes, in a process that the program can neither read nor write. Calls of `entryPoint` run
   * in the program's own process; arguments and results are copies of plain values (numbers, texts, bytes, lists, tuples,
   * sets, dicts, None). Without it a program tells its own outcome, and its result is not to be trusted.
   */
  readonly check?: ProgramCheck | undefined;
  /** Counted from the program's first line; 3000 by default. */
  readonly timeoutMs?: number | undefined;
}

export interface ProgramResult {
  readonly passed: boolean;
  /** false: the program had no `check`, so it was in a place to claim that it passed. */
  readonly trusted: boolean;
  /** "passed", "timed out", or what went wrong. Of the program's making: text, never to be trusted. */
  readonly reason: string;
}

export interface RunProgramsOptions {
  /** Says that programs which nobody has read may run on this machine, contained. Nothing runs without it. */
  readonly allowCodeExecution: true;
  /** Programs at once; one a processor by default. */
  readonly workers?: number | undefined;
  /** Memory of one program with all its processes; 512 MiB by default. */
  readonly memoryBytes?: number | undefined;
  /** Processes and threads of one program; 16 by default. */
  readonly processes?: number | undefined;
  /** Python to run them with; the system's by default. */
  readonly python?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once before the first program with what contains them. */
  readonly onSandbox?: ((facts: SandboxFacts) => void) | undefined;
  /** Called as each program ends, in any order. */
  readonly onResult?: ((result: ProgramResult & { readonly index: number }) => void) | undefined;
}

export interface SandboxFacts {
  /** "bubblewrap", "user namespaces", … */
  readonly kind: string;
  readonly python: string;
  /** Who counts a program's memory: the kernel, or the supervisor, which looks every few milliseconds. */
  readonly memory: "control group" | "watched";
}

/**
 * Runs programs and says which passed, in their order. Each has namespaces of its own (no network, no other processes), a
 * read-only system, an empty folder of 64 MiB to write to, and limits on memory, processes and time; whatever it
 * started is dead when its result is there.
 * @throws RetemperError USAGE without `allowCodeExecution`; SANDBOX where this machine cannot contain programs
 * @example
 * ```ts
 * import { runPrograms } from "retemper";
 *
 * const program = {
 *   source: "def double(x):\n    return 2 * x",
 *   check: { tests: "assert double(21) == 42", entryPoint: "double" },
 * };
 * const [result] = await runPrograms([program], { allowCodeExecution: true });
 * console.log(result?.passed, result?.trusted);
 * ```
 */
export async function runPrograms(programs: readonly Program[], options: RunProgramsOptions): Promise<ProgramResult[]> {
  const { memoryBytes: usual, processes: most, fileBytes } = PROGRAM_LIMITS;
  const { signal, memoryBytes = usual, processes = most, workers = availableParallelism() } = options;
  if (options.allowCodeExecution !== true) {
    throw new RetemperError("USAGE", "Programs that a model wrote are run only if you allow it.", {
      hint: "--allow-code-execution, or allowCodeExecution: true; they run in a sandbox",
    });
  }
  signal?.throwIfAborted();
  if (programs.length === 0) return [];
  const limits = { memoryBytes, processes, fileBytes };
  const sandbox = await openSandbox({ python: options.python, limits, signal });
  const memory = sandbox.groupParent === undefined ? "watched" : "control group";
  options.onSandbox?.({ kind: sandbox.launcher.name, python: sandbox.python.version, memory });

  const results: ProgramResult[] = new Array(programs.length);
  const stop = new AbortController(); // one failure ends them all
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const queue = programs.entries();
  const work = async () => {
    try {
      for (const [index, program] of queue) {
        const result = await runProgram(program, sandbox, both);
        results[index] = result;
        options.onResult?.({ index, ...result });
      }
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(workers, programs.length) }, work));
  const failure = settled.find((one) => one.status === "rejected");
  if (failure) throw failure.reason;
  return results;
}

async function runProgram(
  { source, check, timeoutMs = 3000 }: Program,
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<ProgramResult> {
  for (let attempt = 1; ; attempt++) {
    const { started, passed, reason } = await startProgram({ source, check }, timeoutMs, sandbox, { signal });
    if (started) return { passed, trusted: check !== undefined, reason };
    // It worked a moment ago: the machine is short of processes or memory for now.
    if (attempt === 3) throw new RetemperError("SANDBOX", `A sandbox could not be made: ${reason}`);
  }
}
