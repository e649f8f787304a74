// The command that a stopped one tells to go on with.

import { describe, expect, it } from "vitest";
import { commandAgain } from "../../../lib/cli/commandAgain.js";

describe("the command that goes on", () => {
  it("is the one that was stopped, quoted for a shell", () => {
    const args = ["run", "my experiment.yml", "--out", "it's", "--gate", "asr <= aligned + 0.02", "$HOME", ""];
    expect(commandAgain("retemper", args, {})).toBe(
      "what is done is kept; go on with: " +
        "retemper run 'my experiment.yml' --out 'it'\\''s' --gate 'asr <= aligned + 0.02' '$HOME' ''",
    );
  });

  it("has what it needs to go on, once, and nothing that throws away what is there", () => {
    const again = { words: "go on with", add: ["--resume"], without: ["--force"] };
    for (const flags of [[], ["--force"], ["--resume"]]) {
      const hint = commandAgain("retemper", ["tune", "m", "rows.jsonl", "out", ...flags], again);
      expect(hint).toBe("go on with: retemper tune m rows.jsonl out --resume");
    }
  });
});
