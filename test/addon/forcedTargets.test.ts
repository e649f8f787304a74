// RETEMPER_FORCE_TARGET: every instruction set of this processor can be named, and none that it lacks. Each name in a process
// of its own, since the choice is made once.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const addon = fileURLToPath(new URL("../../build/Release/retemper.node", import.meta.url));
/** Opens a runtime, and says what it multiplies bfloat16 with or why it does not open. */
const SCRIPT = `
try {
  const { describe, openRuntime } = require(${JSON.stringify(addon)});
  const runtime = openRuntime({ threads: 1, precision: "bfloat16" });
  console.log(JSON.stringify({ target: runtime.target, merges: describe().target }));
  runtime.close();
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}`;
/** What Linux says of the processor; on other systems only the first name is certain. */
const flags = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const has = (flag: string) => new RegExp(`^flags.*\\b${flag}\\b`, "m").test(flags);

function force(target: string): Readonly<Record<"target" | "merges" | "code" | "message", string>> {
  const env = { ...process.env, RETEMPER_FORCE_TARGET: target };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", SCRIPT], { env, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe.skipIf(process.arch !== "x64")("a forced target", () => {
  it.each([
    ["baseline", true, "baseline", "baseline"],
    ["avx2", has("avx2") && has("fma") && has("f16c"), "avx2", "avx2"],
    ["avx512", has("avx512bw") && has("avx512vl"), "avx512", "avx512"],
    ["avx512_bf16", has("avx512_bf16"), "avx512 + avx512_bf16", "avx512"],
    ["amx", has("amx_bf16"), "avx512 + amx", "avx512"],
  ])("%s is used where it is there (here: %s), else refused", (name, isThere, target, merges) => {
    if (isThere) expect(force(name)).toEqual({ target, merges });
    else expect(force(name)).toMatchObject({ code: "USAGE", message: expect.stringContaining(`'${name}'`) });
  });

  it("that no machine has is refused with those that there are", () => {
    const { code, message } = force("avx9");
    expect(code).toBe("USAGE");
    expect(message).toMatch(/'avx9', which this machine does not have; it has baseline/);
    if (has("avx512_bf16")) expect(message).toContain(", avx512_bf16");
  });
});
