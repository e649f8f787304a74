// The list of system calls: its numbers against the kernel's headers, and what the filter that is made of it decides, on
// either machine, by running its instructions here.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { insideFile } from "../../../../lib/evaluate/sandbox/supervisor.js";

const filter = insideFile("filter");
const listed = (filter.split('"""')[1] ?? "").split(/[;\n]/).map((row) => row.trim().split(" "));
const conditional = [...filter.matchAll(/^([A-Z]+) = \((\d+), (\d+)\)$/gm)].map(([, name, ...two]) => [
  (name as string).toLowerCase().replace("prlimit", "prlimit64"),
  ...two,
]);
const absent = [...insideFile("selfTest").matchAll(/"(\w+)": \((\d+), (\d+)\)/g)].map(([, ...three]) => three);
type Row = [name: string, intel: string, arm: string];
const rows = [...listed, ...conditional, ...absent].filter((row) => row.length === 3) as Row[];

describe("the list of calls that a program may make", () => {
  const headers = { 1: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 2: "/usr/include/asm-generic/unistd.h" };
  for (const [column, path] of Object.entries(headers)) {
    it.skipIf(!existsSync(path))(`has the numbers of ${path}`, () => {
      const numbers = new Map(
        [...readFileSync(path, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm)].map(([, name, n]) => [
          name,
          n,
        ]),
      );
      expect(rows.length).toBeGreaterThan(200);
      const known = rows.filter(([name]) => numbers.has(name));
      expect(known.length).toBeGreaterThan(150);
      expect(known.map((row) => row[Number(column)])).toEqual(known.map(([name]) => numbers.get(name)));
    });
  }
});

type Step = [code: number, yes: number, no: number, operand: number];

function stepsFor(machine: string): Step[] {
  const program = `${filter}\nprint([list(step) for step in filter_program("${machine}")])`;
  return JSON.parse(spawnSync("python3", ["-I", "-c", program], { encoding: "utf8" }).stdout) as Step[];
}

/** Runs a filter as the kernel does (linux/filter.h); the instructions that ours has. */
function decide(steps: readonly Step[], audit: number, number: number, ...args: number[]): number {
  let loaded = 0;
  for (let at = 0; at < steps.length; at++) {
    const [code, yes, no, operand] = steps[at] as Step;
    const jump = (taken: boolean) => {
      at += taken ? yes : no;
    };
    if (code === 0x20) loaded = operand === 0 ? number : operand === 4 ? audit : (args[(operand - 16) / 8] ?? 0);
    else if (code === 0x54) loaded = (loaded & operand) >>> 0;
    else if (code === 0x15) jump(loaded === operand);
    else if (code === 0x35) jump(loaded >= operand);
    else if (code === 0x25) jump(loaded > operand);
    else if (code === 0x45) jump((loaded & operand) !== 0);
    else if (code === 0x06) return operand;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error("the filter has no end");
}

const [ALLOW, KILL, EPERM, EINVAL, ENOSYS, EAFNOSUPPORT] = [0x7fff0000, 0x80000000, 0x50001, 0x50016, 0x50026, 0x50061];
const noPython = spawnSync("python3", ["-I", "-c", "import ctypes"]).status !== 0;

describe.skipIf(noPython).each([
  ["x86_64", 1, 0xc000003e],
  ["aarch64", 2, 0xc00000b7],
] as const)("the filter of %s", (machine, column, audit) => {
  const steps = noPython ? [] : stepsFor(machine);
  const numberOf = (name: string) => Number(rows.find((row) => row[0] === name)?.[column]);
  const asked = (name: string, ...args: number[]) => decide(steps, audit, numberOf(name), ...args);

  it("allows what is listed, and nothing else", () => {
    const allowed = new Set(
      listed.filter((row) => row.length === 3 && row[column] !== "-").map((row) => Number(row[column])),
    );
    const decided = new Set(conditional.map((row) => Number(row[column])));
    for (let number = 0; number < 1000; number++) {
      if (decided.has(number)) continue;
      expect([number, decide(steps, audit, number)]).toEqual([number, allowed.has(number) ? ALLOW : ENOSYS]);
    }
    for (const number of [0x40000000, 0x40000027, 0x400001ff, 0xffffffff])
      expect(decide(steps, audit, number)).toBe(ENOSYS);
    expect(steps.length).toBeLessThan(4096); // BPF_MAXINSNS
  });

  it("ends whoever calls by the numbers of another machine", () => {
    for (const other of [0x40000003, 0x40000028, 0xc000003e, 0xc00000b7, 0]) {
      if (other !== audit) expect(decide(steps, other, numberOf("read"))).toBe(KILL);
    }
  });

  it("allows calls by their arguments", () => {
    expect(asked("clone", 0x1200011)).toBe(ALLOW); // fork
    expect(asked("clone", 0x3d0f00)).toBe(ALLOW); // a thread
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(asked("clone", flag + 17)).toBe(EPERM);
    }
    for (const name of ["socket", "socketpair"]) {
      expect(asked(name, 1)).toBe(ALLOW);
      for (const family of [0, 2, 10, 16, 17, 38, 40]) expect(asked(name, family)).toBe(EAFNOSUPPORT);
    }
    expect([asked("prlimit64", 0), asked("prlimit64", 1)]).toEqual([ALLOW, EPERM]);
    expect([asked("fcntl", 3, 1031), asked("fcntl", 3, 1030)]).toEqual([EPERM, ALLOW]);
    expect([asked("setsockopt", 3, 1, 7), asked("setsockopt", 3, 1, 32)]).toEqual([EPERM, EPERM]);
    expect([asked("setsockopt", 3, 1, 2), asked("setsockopt", 3, 6, 7)]).toEqual([ALLOW, ALLOW]);
    const map = (flags: number) => asked("mmap", 0, 4096, 3, flags);
    expect([map(0x22), map(0x01), map(0x02)]).toEqual([ALLOW, ALLOW, ALLOW]);
    expect([map(0x21), map(0x23), map(0x40022), map(0x8021)]).toEqual([EPERM, EPERM, EPERM, EPERM]);
    expect([asked("prctl", 15), asked("prctl", 22), asked("prctl", 0x59616d61)]).toEqual([ALLOW, EINVAL, EINVAL]);
  });
});

it.skipIf(noPython)("a machine without a list has no filter", () => {
  const program = `${filter}\nfilter_program("riscv64")`;
  expect(spawnSync("python3", ["-I", "-c", program], { encoding: "utf8" }).stderr).toMatch(
    /OSError: programs are contained on x86-64 and aarch64 only, this is riscv64/,
  );
});
