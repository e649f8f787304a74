import { describe, expect, it } from "vitest";
import { availableMemory, freeByVmStat, isCopied } from "../../../../lib/nn/memory/machineMemory.js";

const reader = (files: Readonly<Record<string, string>>) => (path: string) => files[path];

describe("freeByVmStat", () => {
  it("counts inactive pages, and those that hold files ahead of their reading, as macOS prints them", () => {
    const text = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10001.
Pages active:                            411000.
Pages inactive:                          200002.
Pages speculative:                          303.
Pages throttled:                              0.
Pages wired down:                        150000.
Pages purgeable:                             40.
"Translation faults":                 123456789.
`;
    expect(freeByVmStat(text)).toBe(16384 * (10001 + 200002 + 303));
  });

  it("is nothing of a text that is not vm_stat's", () => {
    expect(freeByVmStat("")).toBeUndefined();
    expect(freeByVmStat("Mach Virtual Memory Statistics: (page size of 4096 bytes)\n")).toBeUndefined();
  });
});

describe("isCopied", () => {
  const withPages = (chosen: string, more = {}) =>
    reader({ "/sys/kernel/mm/transparent_hugepage/enabled": `${chosen}\n`, ...more });

  it("is so up to half of what is free, where there are large pages", () => {
    expect(isCopied(500, withPages("always [madvise] never"), 1000)).toBe(true);
    expect(isCopied(501, withPages("[always] madvise never"), 1000)).toBe(false);
    expect(isCopied(1, withPages("always madvise [never]"), 1000)).toBe(false);
    expect(isCopied(1, reader({}), 1000)).toBe(false);
  });

  it("counts as free what the process's groups leave", () => {
    const group = {
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.max": "300\n",
      "/sys/fs/cgroup/memory.current": "100\n",
    };
    expect(isCopied(100, withPages("always [madvise] never", group), 1000)).toBe(true);
    expect(isCopied(101, withPages("always [madvise] never", group), 1000)).toBe(false);
  });
});

describe("availableMemory", () => {
  it("is what the machine has free where no group has a limit", () => {
    const files = { "/proc/self/cgroup": "0::/user.slice\n", "/sys/fs/cgroup/user.slice/memory.max": "max\n" };
    expect(availableMemory(reader(files), 1000)).toBe(1000);
    expect(availableMemory(reader({}), 1000)).toBe(1000);
  });

  it("is what the tightest group above the process has left; file pages that nobody maps count as free", () => {
    const files = {
      "/proc/self/cgroup": "0::/slurm/job_1/step_0\n",
      "/sys/fs/cgroup/slurm/job_1/memory.max": "500\n",
      "/sys/fs/cgroup/slurm/job_1/memory.current": "300\n",
      "/sys/fs/cgroup/slurm/job_1/memory.stat": "anon 200\ninactive_file 40\n",
      "/sys/fs/cgroup/slurm/job_1/step_0/memory.max": "max\n",
      "/sys/fs/cgroup/slurm/job_1/step_0/memory.current": "10\n",
    };
    expect(availableMemory(reader(files), 1000)).toBe(240);
  });

  it("knows the first version of control groups, and a container whose path is the host's", () => {
    const files = {
      "/proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "700\n",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": "600\n",
      "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 5\n",
    };
    expect(availableMemory(reader(files), 1000)).toBe(105);
  });

  it("is never below zero, and on this machine a number", () => {
    const files = {
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.max": "100\n",
      "/sys/fs/cgroup/memory.current": "160\n",
    };
    expect(availableMemory(reader(files), 1000)).toBe(0);
    expect(availableMemory()).toBeGreaterThan(0);
  });
});
