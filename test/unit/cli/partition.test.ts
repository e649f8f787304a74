import { describe, expect, it } from "vitest";
import { parsePartition } from "../../../lib/cli/partition.js";

const slurm = (id: number, more: Record<string, string> = {}) => {
  const array = { SLURM_ARRAY_TASK_MIN: "0", SLURM_ARRAY_TASK_COUNT: "8", SLURM_ARRAY_TASK_STEP: "1" };
  return { SLURM_ARRAY_TASK_ID: String(id), ...array, ...more };
};

describe("--partition", () => {
  it("counts from 0", () => {
    expect(parsePartition("0/8", {})).toEqual({ index: 0, count: 8 });
    expect(parsePartition("7/8", {})).toEqual({ index: 7, count: 8 });
  });

  it.each(["8/8", "1/0", "x", "1", "-1/8", "1/8/2", "auto/x", "0.5/2"])("refuses %s", (text) => {
    expect(() => parsePartition(text, {})).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("looks at the cluster's variables only when it is auto", () => {
    expect(parsePartition("1/2", slurm(5))).toEqual({ index: 1, count: 2 });
  });

  it("takes the place in a Slurm array, from whatever number and in whatever steps", () => {
    expect(parsePartition("auto", slurm(5))).toEqual({ index: 5, count: 8 });
    expect(parsePartition("auto", slurm(1, { SLURM_ARRAY_TASK_MIN: "1" }))).toEqual({ index: 0, count: 8 });
    const steps = { SLURM_ARRAY_TASK_MIN: "10", SLURM_ARRAY_TASK_STEP: "5", SLURM_ARRAY_TASK_COUNT: "3" };
    expect(parsePartition("auto", slurm(20, steps))).toEqual({ index: 2, count: 3 });
  });

  it("refuses a list of Slurm tasks without a number of parts", () => {
    const list = { SLURM_ARRAY_TASK_MIN: "1", SLURM_ARRAY_TASK_COUNT: "2" };
    expect(() => parsePartition("auto", slurm(7, list))).toThrow(/task 7 is not in an array/);
    expect(parsePartition("auto/8", slurm(7, list))).toEqual({ index: 7, count: 8 });
  });

  it("takes the index of a Kubernetes Indexed Job, which has to be told the completions", () => {
    expect(parsePartition("auto", { JOB_COMPLETION_INDEX: "2", JOB_COMPLETIONS: "4" })).toEqual({ index: 2, count: 4 });
    expect(parsePartition("auto/4", { JOB_COMPLETION_INDEX: "2" })).toEqual({ index: 2, count: 4 });
    expect(() => parsePartition("auto", { JOB_COMPLETION_INDEX: "2" })).toThrow(/completions/);
    expect(() => parsePartition("auto/2", { JOB_COMPLETION_INDEX: "2" })).toThrow(/no part 2 of 2/);
  });

  it("says so outside of a cluster", () => {
    expect(() => parsePartition("auto", {})).toThrow(/neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX/);
  });
});
