// What a person types, or a pipe brings, as messages: a line, or several between """ and """, or ended by a backslash.

import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";

export interface InputStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Reads messages one after the other. On a terminal it edits lines and shows a prompt. */
export class InputLines {
  readonly interactive: boolean;
  readonly #interface: Interface;
  readonly #lines: string[] = [];
  #ended = false;
  #wake: (() => void) | undefined;
  #muted = true;

  /** `onInterrupt`: Ctrl-C, which a terminal that edits lines does not make a signal of. */
  constructor({ stdin, stdout }: InputStreams, onInterrupt: () => void) {
    this.interactive = stdin.isTTY === true && stdout.isTTY === true;
    // Keys that are pressed while an answer is written are read, for one of them may be Ctrl-C, but not shown.
    const output = new Writable({
      write: (chunk, encoding, done) => {
        if (this.#muted) done();
        else stdout.write(chunk, encoding, () => done());
      },
    });
    this.#interface = createInterface({
      input: stdin,
      ...(this.interactive && { output, terminal: true, historySize: 1000, removeHistoryDuplicates: true }),
    });
    this.#interface.on("line", (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.#interface.on("close", () => {
      this.#ended = true;
      this.#wake?.();
    });
    this.#interface.on("SIGINT", onInterrupt);
  }

  /** The next message; undefined at the end of the input. */
  async next(): Promise<string | undefined> {
    const first = await this.#line("> ");
    if (first === undefined) return undefined;
    const lines = [first];
    if (first.trimStart().startsWith('"""')) {
      lines[0] = first.trimStart().slice(3);
      while (!lines.at(-1)?.trimEnd().endsWith('"""')) {
        const line = await this.#line("… ");
        if (line === undefined) return lines.join("\n").trim();
        lines.push(line);
      }
      return lines.join("\n").trimEnd().slice(0, -3).trim();
    }
    while (lines.at(-1)?.endsWith("\\")) {
      lines.push(lines.pop()?.slice(0, -1) ?? "");
      const line = await this.#line("… ");
      if (line === undefined) break;
      lines.push(line);
    }
    return lines.join("\n").trim();
  }

  /** Throws away what was typed and not entered, and shows the prompt again. */
  clear(): void {
    this.#interface.write(null, { ctrl: true, name: "e" }); // to the end of the line,
    this.#interface.write(null, { ctrl: true, name: "u" }); // which is deleted up to its beginning
  }

  /** Ends the input; a message that is waited for does not come. */
  close(): void {
    this.#interface.close();
  }

  async #line(prompt: string): Promise<string | undefined> {
    if (this.interactive && this.#lines.length === 0 && !this.#ended) {
      this.#muted = false;
      this.#interface.setPrompt(prompt);
      this.#interface.prompt();
    }
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    this.#muted = true;
    return this.#lines.shift();
  }
}
