import { describe, expect, it } from "vitest";
import { ConfigReader } from "../../../../lib/nn/families/configReader.js";
import { type RopeRequest, ropeOf } from "../../../../lib/nn/families/rope.js";

const FULL: RopeRequest = {
  ...{ headDim: 8, maxPositions: 64, layerType: "full_attention", scaled: true, thetaKey: "rope_theta" },
};
const rope = (config: Record<string, unknown>, request: Partial<RopeRequest> = {}) =>
  ropeOf(new ConfigReader(config, "config.json", { rope_theta: 10000, rope_local_base_freq: 100 }), {
    ...FULL,
    ...request,
  });

describe("ropeOf", () => {
  it("takes the base from either spelling, else the family's", () => {
    expect([...rope({}).inverseFrequencies]).toEqual([1, 0.1, 0.01, 0.001].map(Math.fround));
    const older = rope({ rope_theta: 16, rope_scaling: null }).inverseFrequencies;
    expect([...older]).toEqual([1, 0.5, 0.25, 0.125]);
    expect(rope({ rope_parameters: { rope_type: "default", rope_theta: 16 } }).inverseFrequencies).toEqual(older);
  });

  it("takes the parameters of the layer's type where they are given by type", () => {
    const config = {
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 2, rope_theta: 16 },
        sliding_attention: { rope_type: "default", rope_theta: 81 },
      },
    };
    const local = { layerType: "sliding_attention", scaled: false, thetaKey: "rope_local_base_freq" } as const;
    expect([...rope(config).inverseFrequencies]).toEqual([0.5, 0.25, 0.125, 0.0625]);
    expect(rope(config, local).inverseFrequencies[1]).toBeCloseTo(1 / 3, 6);
    expect(rope({ rope_scaling: { type: "linear", factor: 4 } }, local).inverseFrequencies[0]).toBe(1);
  });

  it("stretches waves longer than the original context and leaves short ones, as Llama 3.1 does", () => {
    const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const { inverseFrequencies } = rope({
      rope_theta: 16,
      rope_scaling: { ...scaling, original_max_position_embeddings: 40 },
    });
    // wavelengths 6.3, 12.6, 25.1, 50.3 of 40 / 4 and 40 / 1
    expect(inverseFrequencies[0]).toBe(1);
    const smooth = (wave: number) => (40 / wave - 1) / 3;
    for (const [i, frequency] of [
      [1, 0.5],
      [2, 0.25],
    ] as const) {
      const s = smooth((2 * Math.PI) / frequency);
      expect(inverseFrequencies[i]).toBeCloseTo((1 - s) * (frequency / 8) + s * frequency, 6);
    }
    expect(inverseFrequencies[3]).toBe(0.125 / 8);
  });

  it("has two sets of frequencies for long rope, and one magnitude", () => {
    const factors = { short_factor: [1, 1, 2, 2], long_factor: [4, 4, 8, 8] };
    const { inverseFrequencies, long, magnitude } = rope({
      ...{ rope_theta: 16, original_max_position_embeddings: 16 },
      rope_scaling: { type: "longrope", ...factors },
    });
    expect([...inverseFrequencies]).toEqual([1, 0.5, 0.125, 0.0625]);
    expect(long?.from).toBe(16);
    expect([...(long?.inverseFrequencies ?? [])]).toEqual([0.25, 0.125, 0.03125, 0.015625]);
    expect(magnitude).toBeCloseTo(Math.sqrt(1 + Math.log(4) / Math.log(16)), 12);
  });

  it("rotates part of a head", () => {
    expect(rope({ partial_rotary_factor: 0.5 }).inverseFrequencies).toHaveLength(2);
    expect(rope({ rope_parameters: { partial_rotary_factor: 0.75 } }).inverseFrequencies).toHaveLength(3);
  });
});
