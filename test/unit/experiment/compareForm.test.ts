// What makes a comparison of a form that ships another one, so that it is made anew.

import { describe, expect, it } from "vitest";
import type { Decoding } from "../../../lib/evaluate/types.js";
import { digestOf } from "../../../lib/experiment/digests/digestOf.js";
import { compareForm } from "../../../lib/experiment/steps/compareForm.js";

function keyWith(decoding: Decoding): string {
  const items = [{ id: "0", prompt: "What is it?", request: "What is it?" }];
  const one = { form: { name: "gguf q8_0", tolerance: undefined }, model: "models/form", measured: "models/merge" };
  const digests = { digest: digestOf("model", 1), measuredDigest: digestOf("settings", 1), tuning: undefined };
  const measuring = { tasksOf: () => [{ name: "facts", ask: "generate", items, decoding }] };
  return compareForm({ ...one, ...digests } as never, { settings: {}, measuring, out: "out" } as never).step.key;
}

describe("the comparison of a form that ships", () => {
  it("is another one where answers of another length are compared", () => {
    expect(keyWith({ maxNewTokens: 16 })).toBe(keyWith({ maxNewTokens: 16, temperature: 0 }));
    expect(keyWith({ maxNewTokens: 16 })).not.toBe(keyWith({ maxNewTokens: 32 }));
    expect(keyWith({ maxNewTokens: 64 })).toBe(keyWith({ maxNewTokens: 512 })); // 64 tokens are compared at most
  });
});
