// Codes, exit statuses and reasons: told apart without reading messages, and told where users look for them.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT_STATUS, RetemperError } from "../../lib/errors.js";
import { toApiError } from "../../lib/serve/apiError.js";
import { fromWire, toWire } from "../../lib/threads/wireError.js";
import { runHere } from "./cli/inProcess.js";

const page = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

describe("exit statuses", () => {
  it("tell a sandbox that cannot be made from a gate that nothing passes", () => {
    expect(EXIT_STATUS).toMatchObject({ GATE: 10, SANDBOX: 14 });
  });

  it("are different for different codes", () => {
    const statuses = Object.values(EXIT_STATUS);
    expect(new Set(statuses).size).toBe(statuses.length);
  });

  it("are all listed in the help, README.md and docs/errors.md", async () => {
    const { stdout: help } = await runHere(["--help"]);
    for (const status of Object.values(EXIT_STATUS)) {
      expect(help).toMatch(new RegExp(`^ .* ${status} [a-z]`, "m"));
      for (const name of ["README.md", "docs/errors.md"]) expect(page(name)).toMatch(new RegExp(`\\| ${status}[, |]`));
    }
  });
});

describe("an error's reason", () => {
  const error = new RetemperError("BAD_INPUT", "prompt 3 is long", { reason: "context-length", hint: "shorten it" });

  it("survives the border between threads", () => {
    const wire = structuredClone(toWire(error));
    expect(fromWire(wire, new Error())).toMatchObject({
      code: "BAD_INPUT",
      reason: "context-length",
      hint: "shorten it",
    });
  });

  it("stays when the error is told again with more", () => {
    const again = error.retold("the stage a: prompt 3 is long", { file: "a.yml" });
    expect(again).toMatchObject({ code: "BAD_INPUT", reason: "context-length", file: "a.yml", cause: error });
    expect(again.message).toBe("a.yml: the stage a: prompt 3 is long");
  });

  it("alone decides what a server's client is told; words of a message do not", () => {
    expect(toApiError(error)).toMatchObject({ status: 400, code: "context_length_exceeded" });
    const template = new RetemperError("BAD_INPUT", "prompt 0: the template refuses: the context has 2 roles");
    expect(toApiError(template)).toMatchObject({ status: 400, code: undefined });
    const refused = new RetemperError("OUT_OF_MEMORY", "too much", { reason: "request-size" });
    expect(toApiError(refused)).toMatchObject({ status: 400, code: "out_of_memory" });
    const failed = new RetemperError("OUT_OF_MEMORY", "prompt 1 needs more than could be had");
    expect(toApiError(failed)).toMatchObject({ status: 503, code: "out_of_memory" });
  });
});
