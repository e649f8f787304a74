import { describe, expect, it } from "vitest";
import { stepRowsOf } from "../../../../lib/nn/memory/stepSize.js";
import type { DecoderSpec } from "../../../../lib/nn/ops/specs.js";

/** `count` layers of 16 times `size` squared parameters each. */
function spec(count: number, size: number): DecoderSpec {
  const square = { out: size, in: size };
  const wide = { out: 4 * size, in: size };
  const layer = { project: { matrices: [square, square, square] }, output: { matrix: square } };
  const mlp = { gate: wide, up: wide, down: wide };
  return { layers: Array.from({ length: count }, () => ({ ...layer, mlp })) } as unknown as DecoderSpec;
}

describe("stepRowsOf", () => {
  const cpu = { gpu: false, threads: 2 };

  it("gives a power of two that a thread's work in half a second bounds", () => {
    // 16 x 16 x 2048^2 = 1.07e9 parameters.
    expect(stepRowsOf(spec(16, 2048), { ...cpu, work: 3e11 })).toBe(256);
    expect(stepRowsOf(spec(16, 2048), { ...cpu, work: 1.5e11 })).toBe(128);
    expect(stepRowsOf(spec(16, 2048), { ...cpu, threads: 4, work: 1.5e11 })).toBe(256);
  });

  it("reads neither so few rows that weights are all it waits for, nor so many that nobody else gets a turn", () => {
    expect(stepRowsOf(spec(64, 4096), cpu)).toBe(64);
    expect(stepRowsOf(spec(2, 64), cpu)).toBe(512);
    expect(stepRowsOf(spec(64, 4096), { ...cpu, gpu: true })).toBe(2048);
  });
});
