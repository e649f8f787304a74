// What the commands show: data on stdout, progress, notes and errors on stderr; or JSON lines on stdout.

import { styleText } from "node:util";
import type { RetemperError } from "../entries/merge.js";
import { failureOf } from "../files/failureOf.js";
import { type ByteProgress, ProgressBar, progressLine } from "./progressBar.js";
import { safeJson, safeText } from "./terminalText.js";

/** The streams and settings that runProcess.ts passes in; nothing else in the command line knows the process. */
export interface Terminal {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface RenderOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  /** Number of -v. */
  readonly verbose?: number | undefined;
}

/** JSON progress lines come at most this often, in milliseconds. */
const JSON_PROGRESS_INTERVAL = 200;
/** Where stderr is a log, at most this often, in milliseconds. */
const LOG_INTERVAL = 30_000;

export class Renderer {
  readonly #terminal: Terminal;
  #options: RenderOptions = {};
  #bar: ProgressBar | undefined;
  #lastLine = Number.NEGATIVE_INFINITY;
  #lastLogged: number;
  readonly #now: () => number;
  #finished = false;
  #answer: unknown;
  readonly #said = new Set<string>();

  /** @param now milliseconds, of a clock that never goes back */
  constructor(terminal: Terminal, options: RenderOptions = {}, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#options = options;
    this.#now = now;
    this.#lastLogged = now();
  }

  configure(options: RenderOptions): void {
    this.#options = { ...this.#options, ...options };
  }

  get json(): boolean {
    return this.#options.json === true;
  }

  /** Bytes done of bytes in all; may be called at any rate. */
  progress(progress: ByteProgress): void {
    const now = this.#now();
    if (this.json) {
      if (now - this.#lastLine < JSON_PROGRESS_INTERVAL && progress.done < progress.total) return;
      this.#lastLine = now;
      const { facts, amount, rate, ...rest } = progress;
      this.#line({ event: "progress", ...rest, ...(facts ?? { amount, rate }) });
    } else if (this.#animated()) {
      this.#bar ??= new ProgressBar(this.#terminal.stderr);
      this.#bar.update(progress);
    } else if (this.#options.quiet !== true && now - this.#lastLogged >= LOG_INTERVAL && progress.total > 0) {
      this.#lastLogged = now;
      this.say(progressLine(progress));
    }
  }

  /** A part of the work is done: `value` as a JSON line, or `text` on stderr, not with --quiet. */
  ended(value: { readonly event: string }, text: string): void {
    this.#stopBar();
    this.#lastLogged = this.#now(); // a log has its line
    if (this.json) this.#line(value);
    else if (this.#options.quiet !== true) this.say(text);
  }

  /** Something that may be wrong with the result: always shown, once. */
  warn(message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    if (this.json) this.#line({ event: "warning", message });
    else this.#tell("yellow", "warning", message);
  }

  /** Something worth knowing that changes nothing: not with --quiet. */
  note(message: string): void {
    if (this.#options.quiet || this.#said.has(message)) return;
    this.#said.add(message);
    if (this.json) this.#line({ event: "note", message });
    else this.#tell("cyan", "note", message);
  }

  /** Something that happened on the way, as a JSON line: only with --json. */
  event(value: { readonly event: string }): void {
    if (this.json) this.#line(value);
  }

  /** The command's answer: `value` as the last JSON line, or `text` for people. */
  result(value: unknown, text: string): void {
    this.#stopBar();
    if (this.json) this.#last({ event: "result", ok: true, result: value });
    else this.#text(text);
  }

  /** An answer that is also a failure: shown before the error that follows; the last JSON line holds both. */
  answerBeforeError(value: unknown, text: string): void {
    this.#stopBar();
    this.#answer = value;
    if (!this.json) this.#text(text);
  }

  /** What a model wrote, as it comes: to a pipe or a file as it is, to a terminal so that it does nothing there. */
  answer(text: string): void {
    this.#terminal.stdout.write(this.#terminal.stdout.isTTY ? safeText(text) : text);
  }

  /** One line of data, which is JSON whatever the command was asked for. */
  record(value: object): void {
    this.#data(JSON.stringify(value));
  }

  /** A line for people on stderr, without a label. */
  say(message: string): void {
    this.#terminal.stderr.write(`${safeText(message)}\n`);
  }

  /** A failure after which the command goes on. */
  failure(error: unknown): void {
    const { message, hint } = failureOf(error);
    this.#tell("red", "error", message);
    if (hint !== undefined) this.#tell("cyan", "hint", hint);
  }

  /** The command's failure; returns its exit status: the error's own unless a signal decided it. */
  error(error: unknown, status?: number): number {
    this.#stopBar();
    const failure = failureOf(error);
    const { code, reason, file, tensor, hint, line, column } = failure;
    const exitStatus = status ?? failure.exitStatus;
    if (this.json) {
      const facts = { code, reason, exitStatus, message: failure.message, file, tensor, hint, line, column };
      this.#last({ event: "result", ok: false, result: this.#answer, error: facts });
    }
    this.#tell("red", "error", failure.message);
    if (hint !== undefined) this.#tell("cyan", "hint", hint);
    if (this.#options.verbose) this.say(stackOf(failure));
    else if (code === "INTERNAL") this.#tell("cyan", "hint", "-v shows where it happened");
    return exitStatus;
  }

  #animated(): boolean {
    const { stderr, env } = this.#terminal;
    return stderr.isTTY === true && !env.CI && env.TERM !== "dumb" && this.#options.quiet !== true;
  }

  #stopBar(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #tell(colour: "red" | "yellow" | "cyan", label: string, message: string): void {
    this.#bar?.stop(); // it draws itself again at the next update
    const { stderr } = this.#terminal;
    // A name with a new line in it must not begin a line of ours.
    const text = safeText(message).replaceAll("\n", "\n  ");
    stderr.write(`${styleText(colour, `${label}:`, { stream: stderr })} ${text}\n`);
  }

  #line(value: object): void {
    if (!this.#finished) this.#data(JSON.stringify(value));
  }

  #data(json: string): void {
    this.#terminal.stdout.write(`${this.#terminal.stdout.isTTY ? safeJson(json) : json}\n`);
  }

  #text(text: string): void {
    if (text !== "") this.#terminal.stdout.write(`${safeText(text)}\n`);
  }

  #last(value: object): void {
    this.#line(value);
    this.#finished = true;
  }
}

function stackOf(error: RetemperError): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
