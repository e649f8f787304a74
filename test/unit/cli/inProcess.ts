// Runs the command line without a process of its own: the same program over streams that keep what they are given.

import { PassThrough } from "node:stream";
import { runProgram } from "../../../lib/cli/program.js";
import { Renderer } from "../../../lib/cli/render.js";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface InProcess {
  /** stdout and stderr are a terminal's; files and pipes if left out. */
  readonly isTTY?: boolean | undefined;
  /** Given to stdin, which then ends. */
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly version?: string | undefined;
}

export async function runHere(
  args: readonly string[],
  { isTTY = false, input = "", env = {}, signal = new AbortController().signal, version = "0.0.0" }: InProcess = {},
): Promise<Ran> {
  const texts = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => {
    const through = Object.assign(new PassThrough(), { isTTY, columns: 100 });
    through.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
    return through;
  };
  const [stdout, stderr] = [stream("stdout"), stream("stderr")];
  const stdin = new PassThrough();
  stdin.end(input);
  const colourless = { NO_COLOR: "1", CI: "1", ...env };
  const renderer = new Renderer({ stdout, stderr, env: colourless }, { json: args.includes("--json") });
  const status = await runProgram(args, version, {
    renderer,
    signal,
    stopStatus: () => undefined,
    endWithReader: () => {},
    env: colourless,
    write: (text) => stdout.write(text),
    writeError: (text) => stderr.write(text),
    stdin,
    stdout,
    takeInterrupts: () => () => {},
    goesOnWith: () => {},
  });
  await new Promise((resolve) => setImmediate(resolve)); // what was written arrives
  return { status, ...texts };
}
