// Runs a command in this process. The only file of the command line that touches it: arguments, streams, signals, exit.

import { readFileSync } from "node:fs";
import process from "node:process";
import type { Again } from "./commandAgain.js";
import { areFewOpenFiles, lacksOpenFiles, mostOpenFiles } from "./openFiles.js";
import type { Session } from "./session.js";

/** The command that a process runs. */
export interface ProcessProgram {
  readonly name: string;
  /** package.json of the package that the command belongs to. */
  readonly manifest: URL;
  /** Its command tree, which loads the command that is run; called here, so that a failure to load is said in words. */
  readonly load: () => Promise<{
    runProgram(args: readonly string[], version: string, session: Session): Promise<number>;
  }>;
}

const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
const { stdout, stderr, env } = process;

/** Runs the command line of this process and sets its exit status. */
export async function runProcess(program: ProcessProgram): Promise<void> {
  const args = process.argv.slice(2);
  const { commandAgain, READER_LEFT, runProgram, Renderer, RetemperError } = await load(program);
  const renderer = new Renderer({ stdout, stderr, env }, { json: args.includes("--json") });

  const controller = new AbortController();
  let stopStatus: number | undefined;
  let interrupt: (() => void) | undefined;
  let again: Again | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (name === "SIGINT" && interrupt !== undefined) return interrupt();
      if (stopStatus !== undefined) process.exit(SIGNAL_STATUS[name]); // a second signal ends the process at once
      stopStatus = SIGNAL_STATUS[name];
      const what = name === "SIGINT" ? "Interrupted" : "Terminated";
      const hint = again && commandAgain(program.name, args, again);
      controller.abort(
        new RetemperError("CANCELLED", `${what}: nothing unfinished has the name of an output.`, { hint }),
      );
    });
  }

  // A reader that has gone away (`retemper generate model | head`) ends a command whose answers are for it, silently; it
  // must not stop a merge.
  let readerLeft = false;
  let endsWithReader = false;
  const stopForReader = () => {
    if (!readerLeft || !endsWithReader || stopStatus !== undefined) return;
    stopStatus = READER_LEFT;
    process.exitCode = READER_LEFT;
    controller.abort(new RetemperError("CANCELLED", "nobody reads what is written to stdout any more"));
  };
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === stdout) readerLeft = true;
      stopForReader();
    });
  }

  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      process.exitCode = renderer.error(error);
      process.exit();
    });
  }

  const { version } = JSON.parse(readFileSync(program.manifest, "utf8")) as {
    version: string;
  };
  const running = runProgram(args, version, {
    renderer,
    signal: controller.signal,
    stopStatus: () => stopStatus,
    endWithReader() {
      endsWithReader = true;
      stopForReader();
    },
    env,
    write: (text) => stdout.write(text),
    writeError: (text) => stderr.write(text),
    stdin: process.stdin,
    stdout,
    takeInterrupts(handler) {
      interrupt = handler;
      return () => {
        if (interrupt === handler) interrupt = undefined;
      };
    },
    goesOnWith(how) {
      again = how;
    },
  });
  const status = await running.catch((error: unknown) => cannotLoad(program, error));
  // Not process.exit: what is still on its way to a pipe must arrive.
  process.exitCode = stopStatus === READER_LEFT ? READER_LEFT : status;
}

/** The program itself. Where files cannot even be opened to load it, the error says so. */
async function load(program: ProcessProgram) {
  try {
    const [{ runProgram }, { READER_LEFT }, { Renderer }, { RetemperError }, { commandAgain }] = await Promise.all([
      program.load(),
      import("./commandLine.js"),
      import("./render.js"),
      import("../entries/merge.js"),
      import("./commandAgain.js"),
    ]);
    return { commandAgain, READER_LEFT, runProgram, Renderer, RetemperError };
  } catch (error) {
    return cannotLoad(program, error);
  }
}

function cannotLoad({ name }: ProcessProgram, error: unknown): never {
  if (!areFewOpenFiles && !lacksOpenFiles(error)) throw error;
  const limit = areFewOpenFiles ? ` (of ${mostOpenFiles} that may be open)` : "";
  stderr.write(`error: too many open files: ${name} cannot load its own${limit}\n`);
  stderr.write("hint: raise the limit (ulimit -n 1024)\n");
  process.exit(7);
}
