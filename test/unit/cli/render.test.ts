// When the command line animates, what goes to which stream, and the rule of one last JSON line.

import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Renderer, type RenderOptions } from "../../../lib/cli/render.js";
import { RetemperError } from "../../../lib/errors.js";

function terminal(
  options: RenderOptions = {},
  { isTTY = false, env = {}, now }: { isTTY?: boolean; env?: Record<string, string>; now?: () => number } = {},
) {
  const texts = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => {
    const through = Object.assign(new PassThrough(), { isTTY, columns: 100 });
    through.on("data", (data: Buffer) => {
      texts[name] += data.toString("utf8");
    });
    return through;
  };
  const [stdout, stderr] = [stream("stdout"), stream("stderr")];
  return { renderer: new Renderer({ stdout, stderr, env }, options, now), texts };
}

const half = { phase: "merge", done: 5e8, total: 1e9, bytesPerSecond: 1.5e9, secondsLeft: 12 };
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe("progress", () => {
  it("draws bytes, speed and time left on stderr of a terminal", async () => {
    const { renderer, texts } = terminal({}, { isTTY: true });
    renderer.progress(half);
    renderer.result({}, "done");
    await tick();
    for (const part of ["merge", "50%", "500.00 MB / 1.00 GB", "1.50 GB/s", "12s left"]) {
      expect(texts.stderr).toContain(part);
    }
    expect(texts.stdout).toBe("done\n");
  });

  it.each([
    ["stderr is no terminal", {}, { isTTY: false }],
    ["--quiet", { quiet: true }, { isTTY: true }],
    ["CI", {}, { isTTY: true, env: { CI: "true" } }],
    ["TERM=dumb", {}, { isTTY: true, env: { TERM: "dumb" } }],
  ])("is not drawn with %s", async (_, options, place) => {
    const { renderer, texts } = terminal(options, place);
    renderer.progress(half);
    renderer.result({}, "");
    await tick();
    expect(texts).toEqual({ stdout: "", stderr: "" });
  });

  it("is not drawn for a phase without a measure", async () => {
    const { renderer, texts } = terminal({}, { isTTY: true });
    renderer.progress({ phase: "open", done: 0, total: 0, bytesPerSecond: 0, secondsLeft: undefined });
    renderer.result({}, "");
    await tick();
    expect(texts.stderr).toBe("");
  });
});

describe("progress in a log", () => {
  const step = { event: "step", step: "ask", k: 2, n: 9 };

  it("is a line every half minute at most, and one for each part that is done", async () => {
    let now = 0;
    const { renderer, texts } = terminal({}, { now: () => now });
    const lines: [number, string][] = [];
    for (; now < 120_000; now += 1000) {
      if (now === 70_000) renderer.ended(step, "step 2 of 9, ask: done");
      renderer.progress({ ...half, done: now * 5e3 });
      await tick();
      if (texts.stderr !== "") lines.push([now / 1000, texts.stderr]);
      texts.stderr = "";
    }
    expect(lines).toEqual([
      [30, "merge: 15 %, 150.00 MB / 1.00 GB, 1.50 GB/s, 12s left\n"],
      [60, "merge: 30 %, 300.00 MB / 1.00 GB, 1.50 GB/s, 12s left\n"],
      [70, "step 2 of 9, ask: done\n"],
      [100, "merge: 50 %, 500.00 MB / 1.00 GB, 1.50 GB/s, 12s left\n"],
    ]);
    expect(texts.stdout).toBe("");
  });

  it("is none with --quiet, and events with --json", async () => {
    for (const options of [{ quiet: true }, { json: true }]) {
      let now = 0;
      const { renderer, texts } = terminal(options, { now: () => now });
      now = 60_000;
      const facts = { phase: "ask", k: 2, n: 9, tokensPerSecond: 40 };
      renderer.progress({ ...half, phase: "step 2 of 9, ask", amount: "1 / 2 answers", rate: "40 tokens/s", facts });
      renderer.ended(step, "step 2 of 9, ask: done");
      await tick();
      const { phase: _, ...rest } = half;
      const events = [{ event: "progress", ...rest, ...facts }, step];
      expect(texts.stderr).toBe("");
      expect(texts.stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))).toEqual(
        options.json ? events : [],
      );
    }
  });
});

describe("what a model wrote", () => {
  it("does nothing on a terminal, and comes as it is through a pipe", async () => {
    for (const isTTY of [true, false]) {
      const { renderer, texts } = terminal({}, { isTTY });
      renderer.answer("a\u001b[2J\tb\n");
      renderer.record({ text: "\u009bc" });
      await tick();
      expect(texts.stdout).toBe(isTTY ? 'a\\x1b[2J\tb\n{"text":"\\u009bc"}\n' : 'a\u001b[2J\tb\n{"text":"\u009bc"}\n');
    }
  });

  it("cannot write a line of a message that looks like one of the command's own", async () => {
    const { renderer, texts } = terminal();
    renderer.warn("tensor a\nhint: run this\u001b[8m");
    await tick();
    expect(texts.stderr).toBe("warning: tensor a\n  hint: run this\\x1b[8m\n");
  });
});

describe("JSON lines", () => {
  it("end with the result; nothing follows it", async () => {
    const { renderer, texts } = terminal({ json: true }, { isTTY: true });
    renderer.progress(half);
    renderer.warn("look here");
    renderer.result({ answer: 42 }, "for people");
    renderer.progress(half);
    renderer.warn("too late");
    await tick();
    expect(
      texts.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { event: "progress", ...half },
      { event: "warning", message: "look here" },
      { event: "result", ok: true, result: { answer: 42 } },
    ]);
  });

  it("hold an answer that is also a failure together with its error", async () => {
    const { renderer, texts } = terminal({ json: true });
    renderer.answerBeforeError({ ok: false }, "differs");
    expect(renderer.error(new RetemperError("BAD_INPUT", "broken", { file: "a", hint: "again" }))).toBe(4);
    await tick();
    expect(JSON.parse(texts.stdout)).toMatchObject({
      event: "result",
      ok: false,
      result: { ok: false },
      error: { code: "BAD_INPUT", exitStatus: 4, message: "a: broken", file: "a", hint: "again" },
    });
    expect(texts.stderr).toContain("error: a: broken");
  });
});

describe("messages", () => {
  it("are said once each", async () => {
    const { renderer, texts } = terminal();
    for (let i = 0; i < 3; i++) {
      renderer.warn("same");
      renderer.note("idle");
    }
    await tick();
    expect(texts.stderr).toBe("warning: same\nnote: idle\n");
  });

  it("are warnings alone with --quiet", async () => {
    const { renderer, texts } = terminal({ quiet: true });
    renderer.warn("matters");
    renderer.note("does not");
    await tick();
    expect(texts.stderr).toBe("warning: matters\n");
  });
});

describe("errors", () => {
  it("that no one expected have exit status 1 and a short message", async () => {
    const { renderer, texts } = terminal();
    expect(renderer.error(new TypeError("x is not a function"))).toBe(1);
    await tick();
    expect(texts.stderr).toBe("error: x is not a function\nhint: -v shows where it happened\n");
  });

  it("show where they come from with -v", async () => {
    const { renderer, texts } = terminal({ verbose: 1 });
    renderer.error(new TypeError("x is not a function"));
    await tick();
    expect(texts.stderr).toMatch(/caused by TypeError: x is not a function\n\s+at /);
  });

  it("of a command that a signal stopped end with the signal's status", () => {
    const { renderer } = terminal();
    expect(renderer.error(new RetemperError("CANCELLED", "Terminated"), 143)).toBe(143);
  });
});
