// A wheel is what its digest says, wherever it comes from.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { downloadWheel, type WheelSource } from "../../../lib/setup/downloadWheel.js";
import { wheelFile, wheelsOf } from "../../../lib/setup/wheels.js";
import { makeWheel, putWheel } from "./makeWheel.js";

const made = makeWheel("pkg", [{ name: "data", data: "what was meant" }]);
const other = { wheel: made.wheel, bytes: Buffer.from(made.bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))) };
const name = wheelFile(made.wheel);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-download-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const gives =
  (what: typeof made): WheelSource =>
  async (_, into) => {
    putWheel(what, into);
    return undefined;
  };
const fails: WheelSource = async () => "no connection";
const never: WheelSource = async () => {
  throw new Error("asked although the file was there");
};

describe("a wheel", () => {
  it("comes from the first source that has it", async () => {
    const path = await downloadWheel(made.wheel, folder, {
      sources: { first: fails, second: gives(made), third: never },
    });
    expect(path).toBe(join(folder, name));
    expect(readFileSync(path).equals(made.bytes)).toBe(true);
  });

  it("that lies there already is used, if it is the right one", async () => {
    putWheel(made, folder);
    expect(await downloadWheel(made.wheel, folder, { sources: { never } })).toBe(join(folder, name));
    putWheel(other, folder);
    await downloadWheel(made.wheel, folder, { sources: { good: gives(made) } });
    expect(readFileSync(join(folder, name)).equals(made.bytes)).toBe(true);
  });

  it("with another digest is refused, and does not stay", async () => {
    const work = downloadWheel(made.wheel, folder, { sources: { pip: fails, HTTP: gives(other) } });
    await expect(work).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/pip: no connection\nHTTP: the file that came is not the one/),
      hint: expect.stringContaining(folder),
    });
    expect(existsSync(join(folder, name))).toBe(false);
    expect(existsSync(join(folder, "incoming", name))).toBe(false);
  });
});

describe("the table of wheels", () => {
  it.each(["cpu", "cuda"] as const)("names each file of %s once, with its digest and sizes", (variant) => {
    const wheels = wheelsOf(variant);
    expect(new Set(wheels.map(({ sha256 }) => sha256)).size).toBe(wheels.length);
    expect(new Set(wheels.map(wheelFile)).size).toBe(wheels.length);
    for (const wheel of wheels) {
      expect(wheel.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(wheel.unpacked).toBeGreaterThan(wheel.bytes / 2);
      expect(wheelFile(wheel)).toMatch(/^\w+-[\d.]+-(cp311-cp311|py3-none)-manylinux[\w.]+\.whl$/);
    }
  });

  it("takes TensorFlow's two libraries and few headers, and no Python code", () => {
    const [wheel] = wheelsOf("cpu");
    const taken = (file: string) => wheel?.takes.some((pattern) => pattern.test(file));
    expect(
      [
        "tensorflow/libtensorflow_cc.so.2",
        "tensorflow/libtensorflow_framework.so.2",
        "tensorflow/include/tensorflow/c/c_api.h",
        "tensorflow/include/tensorflow/c/eager/c_api.h",
        "tensorflow/include/tsl/platform/ctstring_internal.h",
        "tensorflow/include/xla/tsl/c/tsl_status.h",
      ].filter((file) => !taken(file)),
    ).toEqual([]);
    expect(
      [
        "tensorflow/__init__.py",
        "tensorflow/python/_pywrap_tensorflow_internal.so",
        "tensorflow/include/Eigen/Core",
        "tensorflow_cpu-2.20.0.dist-info/RECORD",
      ].filter(taken),
    ).toEqual([]);
  });
});
