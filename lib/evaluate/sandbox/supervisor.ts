// The programs that run inside of a sandbox: files in Python, beside this one, joined into one that a command line holds.

import { readFileSync } from "node:fs";

/** In the order in which they need each other. */
const PARTS = ["filter", "values", "confine", "candidate", "checker", "supervisor"];

/** What the supervisor reads, piece by piece. */
export interface SupervisorRequest {
  readonly source: string;
  readonly seconds: number;
  /** Of all processes together; each also has it as the limit of its address space. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** Largest file. */
  readonly fileBytes: number;
  /** The first of three users whom nobody else is: of the program, its checker, the supervisor. 0: they stay who they are. */
  readonly uid: number;
  /** Says that the last line was reached; random, so that ending early is no success. */
  readonly proof: string;
  readonly check: ProgramCheck | undefined;
}

/** What decides whether a program passes, where it cannot reach it. */
export interface ProgramCheck {
  /** Python that calls `entryPoint`; the program passes if it runs to its last line. */
  readonly tests: string;
  /** A function of the program, under its name. */
  readonly entryPoint: string;
  /** Python that comes before the tests: imports, other functions that they call. */
  readonly setup?: string | undefined;
}

let joined: string | undefined;

/** Run as `python3 -I -c` by a launcher. */
export function supervisorProgram(): string {
  joined ??= `${PARTS.map(insideFile).join("\n\n")}\n\nsupervise()\n`;
  return joined;
}

/** A file of the folder inside/. */
export function insideFile(name: string): string {
  return readFileSync(new URL(`inside/${name}.py`, import.meta.url), "utf8");
}

/** The request as bytes: each piece behind eight digits of length. */
export function requestBytes(request: SupervisorRequest): Buffer {
  const { source, seconds, memoryBytes, processes, fileBytes, uid, proof, check } = request;
  const settings = [seconds, memoryBytes, processes, fileBytes, uid, check ? 1 : 0].join(" ");
  const pieces = [settings, source, proof, ...(check ? [check.setup ?? "", check.tests, check.entryPoint] : [])];
  return Buffer.concat(
    pieces.flatMap((piece) => {
      const bytes = Buffer.from(piece);
      return [Buffer.from(String(bytes.length).padStart(8, "0")), bytes];
    }),
  );
}
