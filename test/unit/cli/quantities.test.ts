// Sizes, rates and times as the command line reads and shows them.

import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  parseInteger,
  parseSize,
} from "../../../lib/cli/quantities.js";

describe("parseSize", () => {
  it.each([
    ["1", 1],
    ["1000000", 1_000_000],
    ["500M", 500_000_000],
    ["5B", 5_000_000_000],
    ["5G", 5_000_000_000],
    ["5gb", 5_000_000_000],
    ["1.5K", 1500],
    ["2GiB", 2_147_483_648],
    ["1T", 1e12],
  ])("reads %s as %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "0", "-1", "5Q", "K", "1e9", "0x10", "1 2", "99999999T", "NaN"])("refuses %j", (text) => {
    expect(() => parseSize(text)).toThrow(/positive number of bytes/);
  });
});

describe("parseInteger", () => {
  it("takes whole numbers from the least on", () => {
    expect(parseInteger(1)("8")).toBe(8);
    expect(parseInteger(0)("0")).toBe(0);
  });

  it.each(["", "0", "1.5", "1e3", "x", "-2", "99999999999999999999"])("refuses %j where 1 is the least", (text) => {
    expect(() => parseInteger(1)(text)).toThrow(/whole number/);
  });
});

describe("formatting", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [1_906_912, "1.91 MB"],
    [2_471_645_608, "2.47 GB"],
    [5e15, "5000.00 TB"],
  ])("shows %d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.0214, "0.02s"],
    [12.4, "12s"],
    [75.2, "1m15s"],
    [119.7, "2m00s"],
    [3660, "1h01m"],
    [Number.POSITIVE_INFINITY, "-"],
  ])("shows %d seconds as %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("shows rates in GB/s, and none before there is one", () => {
    expect(formatRate(1.305e9)).toBe("1.30 GB/s");
    expect(formatRate(0)).toBe("- GB/s");
  });

  it("groups the digits of counts", () => {
    expect(formatCount(1_235_814_400)).toBe("1,235,814,400");
  });
});
