#!/usr/bin/env node
// The command `retemper`. The only file of the command line that touches the process: arguments, streams, signals, exit.

import { readFileSync } from "node:fs";
import process from "node:process";
import { RetemperError } from "../index.js";
import { runProgram } from "./program.js";
import { Renderer } from "./render.js";

const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;

const args = process.argv.slice(2);
const { stdout, stderr, env } = process;
const renderer = new Renderer({ stdout, stderr, env }, { json: args.includes("--json") });

// A reader that has gone away (`retemper inspect model | head`) is no failure, and must not stop a merge.
for (const stream of [stdout, stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const controller = new AbortController();
let stopStatus: number | undefined;
let interrupt: (() => void) | undefined;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (name === "SIGINT" && interrupt !== undefined) return interrupt();
    if (stopStatus !== undefined) process.exit(SIGNAL_STATUS[name]); // asked twice: at once
    stopStatus = SIGNAL_STATUS[name];
    const what = name === "SIGINT" ? "Interrupted" : "Terminated";
    controller.abort(new RetemperError("CANCELLED", `${what}: nothing unfinished has the name of an output.`));
  });
}

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    process.exitCode = renderer.error(error);
    process.exit();
  });
}

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
// Not process.exit: what is still on its way to a pipe must arrive.
process.exitCode = await runProgram(args, version, {
  renderer,
  signal: controller.signal,
  stopStatus: () => stopStatus,
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
});
