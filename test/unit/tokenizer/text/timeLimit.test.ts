// The limit around work that a model's files decide.

import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../../lib/errors.js";
import { type TimedWork, withTimeLimit } from "../../../../lib/tokenizer/text/timeLimit.js";
import { long } from "../../../long.js";

const WORK: TimedWork = { file: "tokenizer.json", what: "the tokenizer", hint: "get another", milliseconds: 200 };

describe("the time limit of a text", () => {
  it("returns what the work returns, and passes on its errors", () => {
    expect(withTimeLimit(1, WORK, () => "done")).toBe("done");
    const fails = () => {
      throw new TypeError("of the work");
    };
    expect(() => withTimeLimit(1, WORK, fails)).toThrow(new TypeError("of the work"));
  });

  it("stops work without end, naming the file and what was too slow", () => {
    const error = failureOf(() => withTimeLimit(1, { ...WORK, milliseconds: 20 }, forever));
    expect(error).toBeInstanceOf(RetemperError);
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("the tokenizer takes too long on this text"),
      file: "tokenizer.json",
      hint: "get another",
    });
  });

  it.runIf(long)("counts processor time: work that only waited for the processor begins again", () => {
    let begun = 0;
    const work = () => {
      begun += 1;
      if (begun === 1) withTimeLimit(1, { ...WORK, milliseconds: 60_000 }, idle); // also within work of its own
      return begun;
    };
    expect(withTimeLimit(1, { ...WORK, milliseconds: 1000 }, work)).toBe(2);
  });

  it("says of work that needs more stack than there is that the text is too long", () => {
    const deep = (n: number): number => 1 + deep(n + 1);
    const error = failureOf(() => withTimeLimit(1, { ...WORK, milliseconds: 60_000 }, () => deep(0)));
    expect(error).toMatchObject({ code: "BAD_INPUT", hint: "split the text" });
  });

  it("holds for work within work", () => {
    const inner = () => withTimeLimit(1, WORK, () => "inner");
    expect(withTimeLimit(1, WORK, () => `${inner()} and ${inner()}`)).toBe("inner and inner");
  });
});

function forever(): void {
  for (;;);
}

/** Waits longer than any limit here, and takes next to no processor time. */
function idle(): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let n = 0; n < 10_000; n++) Atomics.wait(nobody, 0, 0, 5);
}

function failureOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
