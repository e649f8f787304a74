// What becomes of the output folder: all of it or nothing, never over something that is read or wanted.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { type MergePhase, merge, verify } from "../../lib/index.js";
import { languageModel, writeModel } from "./mergeModels.js";

let folder: string;
let recipe: { merge_method: string; models: { model: string; parameters: { weight: number } }[] };
let out: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-output-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache")); // the digest cache
  const a = writeModel(join(folder, "models", "a"), languageModel(1));
  const b = writeModel(join(folder, "models", "b"), languageModel(2));
  const models = [a, b].map((model) => ({ model, parameters: { weight: 0.5 } }));
  recipe = { merge_method: "linear", models };
  out = join(folder, "outputs", "out");
  mkdirSync(join(folder, "outputs"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const beside = () => readdirSync(join(folder, "outputs")).sort();
const refusal = (code: string) => expect.objectContaining({ code });

describe("an existing output", () => {
  it("is refused and left as it is", async () => {
    mkdirSync(out);
    writeFileSync(join(out, "keep.txt"), "mine");
    await expect(merge(recipe, out)).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(readFileSync(join(out, "keep.txt"), "utf8")).toBe("mine");
    expect(beside()).toEqual(["out"]);
  });

  it("counts as absent when it is an empty folder", async () => {
    mkdirSync(out);
    await merge(recipe, out);
    expect(readdirSync(out)).toContain("model.safetensors");
    expect(beside()).toEqual(["out"]);
  });

  it("is refused when it is an empty file", async () => {
    writeFileSync(out, "");
    await expect(merge(recipe, out)).rejects.toEqual(refusal("OUTPUT_EXISTS"));
  });

  it("is replaced as a whole with force, with nothing left beside it", async () => {
    mkdirSync(out);
    writeFileSync(join(out, "old.txt"), "old");
    await merge(recipe, out, { force: true });
    expect(readdirSync(out).sort()).toEqual([
      "README.md",
      "config.json",
      "mergekit_config.yml",
      "model.safetensors",
      "retemper.json",
    ]);
    expect(beside()).toEqual(["out"]);
  });

  it("survives a forced merge that fails", async () => {
    mkdirSync(out);
    writeFileSync(join(out, "old.txt"), "old");
    const controller = new AbortController();
    const onProgress = ({ phase }: { phase: MergePhase }) => phase === "finish" && controller.abort();
    await expect(merge(recipe, out, { force: true, signal: controller.signal, onProgress })).rejects.toThrow("aborted");
    expect(readdirSync(out)).toEqual(["old.txt"]);
    expect(beside()).toEqual(["out"]);
  });

  it("is never replaced when it holds the user's working folder", async () => {
    await expect(merge(recipe, process.cwd(), { force: true })).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(existsSync("package.json")).toBe(true);
  });
});

describe("an output among the inputs", () => {
  it.each([
    ["is an input", () => join(folder, "models", "a")],
    ["lies inside an input", () => join(folder, "models", "a", "merged")],
    ["contains the inputs", () => join(folder, "models")],
  ])("is refused even with force when it %s", async (_how, place) => {
    const before = readFileSync(join(folder, "models", "a", "model.safetensors"));
    await expect(merge(recipe, place(), { force: true })).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(readFileSync(join(folder, "models", "a", "model.safetensors"))).toEqual(before);
    expect(readdirSync(join(folder, "models")).sort()).toEqual(["a", "b"]);
  });

  it("is recognised behind a symbolic link", async () => {
    symlinkSync(join(folder, "models"), join(folder, "outputs", "link"));
    const place = join(folder, "outputs", "link", "a", "merged");
    await expect(merge(recipe, place, { force: true })).rejects.toEqual(refusal("OUTPUT_EXISTS"));
  });

  it("is refused when one of its files is a hard link to an input's", async () => {
    mkdirSync(out);
    linkSync(join(folder, "models", "a", "model.safetensors"), join(out, "model.safetensors"));
    await expect(merge(recipe, out, { force: true })).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(statSync(join(out, "model.safetensors")).nlink).toBe(2);
  });

  it("is refused inside the hub's cache", async () => {
    const cache = join(folder, "hub");
    const options = { force: true, transformersCache: cache };
    await expect(merge(recipe, join(cache, "out"), options)).rejects.toEqual(refusal("OUTPUT_EXISTS"));
  });

  it("is refused when it contains the recipe", async () => {
    const path = join(out, "recipe.yml");
    mkdirSync(out);
    writeFileSync(path, JSON.stringify(recipe));
    await expect(merge(path, out, { force: true })).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(existsSync(path)).toBe(true);
  });
});

describe("an interrupted merge", () => {
  it.each<MergePhase>(["open", "hash", "merge", "finish", "verify"])(
    "leaves nothing when it is aborted in phase %s",
    async (stop) => {
      const controller = new AbortController();
      const reached: MergePhase[] = [];
      const nested = join(folder, "outputs", "new", "deeper", "out");
      const running = merge(recipe, nested, {
        signal: controller.signal,
        hashInputs: true,
        verify: true,
        onProgress({ phase }) {
          reached.push(phase);
          if (phase === stop) controller.abort(new Error("enough"));
        },
      });
      await expect(running).rejects.toThrow("enough");
      expect(reached.at(-1)).toBe(stop);
      expect(beside()).toEqual([]);
    },
  );

  it("ends with the error of its progress listener and leaves nothing", async () => {
    const onProgress = ({ phase }: { phase: MergePhase }) => {
      if (phase === "merge") throw new Error("listener");
    };
    await expect(merge(recipe, out, { onProgress })).rejects.toThrow("listener");
    expect(beside()).toEqual([]);
  });

  it("makes no native call when the signal is aborted already", async () => {
    await expect(merge(recipe, out, { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
    expect(beside()).toEqual([]);
  });

  it("notices an input that is written to while it is read", async () => {
    const file = join(folder, "models", "b", "model.safetensors");
    const onProgress = ({ phase }: { phase: MergePhase }) => {
      if (phase === "finish") utimesSync(file, 1, 1);
    };
    await expect(merge(recipe, out, { onProgress })).rejects.toEqual(
      expect.objectContaining({ code: "BAD_INPUT", file }),
    );
    expect(beside()).toEqual([]);
  });

  it.each<MergePhase>(["merge", "finish"])(
    "fails with the path when the folder around the output is removed in phase %s",
    async (when) => {
      const onProgress = ({ phase }: { phase: MergePhase }) => {
        if (phase === when) rmSync(join(folder, "outputs"), { recursive: true, force: true });
      };
      const failure = await merge(recipe, out, { onProgress }).catch((error) => error);
      expect(failure).toMatchObject({ code: "IO", exitStatus: 7 });
      expect(failure.file).toContain(join(folder, "outputs"));
      expect(existsSync(join(folder, "outputs"))).toBe(false);
    },
  );

  it("keeps the unfinished output on request and names it", async () => {
    writeModel(join(folder, "models", "b"), {
      ...languageModel(2),
      "model.norm.weight": { shape: [4], values: [Infinity, 0, 0, 0] },
    });
    const failure = await merge(recipe, out, { keepPartial: true, failOnNonfinite: true }).catch((error) => error);
    expect(failure).toMatchObject({ code: "BAD_INPUT", tensor: "model.norm.weight" });
    const [kept] = beside();
    expect(failure.hint).toContain(join(folder, "outputs", kept ?? "?"));
    expect(readdirSync(join(folder, "outputs", kept ?? "?"))).toContain("model.safetensors");
  });
});

describe("the place beside the output", () => {
  it("is locked: a second run is refused", async () => {
    const lock = loadAddon().lockFile(join(folder, "outputs", ".out.retemper.lock"));
    await expect(merge(recipe, out)).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    lock?.release();
    await merge(recipe, out);
    expect(beside()).toEqual(["out"]);
  });

  it("loses what dead runs left, and nothing else", async () => {
    for (const name of [".out.retemper-0123456789ab", ".out.retemper-mine", ".other.retemper-0123456789ab"]) {
      mkdirSync(join(folder, "outputs", name));
      writeFileSync(join(folder, "outputs", name, "file"), "");
    }
    writeFileSync(join(folder, "outputs", ".out.retemper.lock"), "");
    await merge(recipe, out);
    expect(beside()).toEqual([".other.retemper-0123456789ab", ".out.retemper-mine", "out"]);
  });

  it("gives an output back that a dead run had moved aside", async () => {
    const aside = join(folder, "outputs", ".out.retemper-0123456789ab-old");
    mkdirSync(aside);
    writeFileSync(join(aside, "old.txt"), "old");
    await expect(merge(recipe, out)).rejects.toEqual(refusal("OUTPUT_EXISTS"));
    expect(readdirSync(out)).toEqual(["old.txt"]);
    expect(beside()).toEqual(["out"]);
  });

  it.each([
    ["a parent that is a file", () => join(folder, "models", "a", "config.json", "out")],
    ["a name that is too long", () => join(folder, "outputs", "x".repeat(300))],
    ["a file system that takes no files", () => "/proc/retemper/out"],
  ])("gives a clean error with a remedy for %s", async (_what, place) => {
    const failure = await merge(recipe, place()).catch((error) => error);
    expect(["IO", "OUTPUT_EXISTS"]).toContain(failure.code);
    expect(failure.hint).toMatch(/\w/);
    expect(beside()).toEqual([]);
  });

  it("takes names that leave no room for a suffix", async () => {
    const long = join(folder, "outputs", "x".repeat(250));
    await merge(recipe, long);
    expect(beside()).toEqual(["x".repeat(250)]);
  });
});

describe("a disk that is too small", () => {
  it("is refused before anything is read, with need and free space", async ({ skip }) => {
    const small = join(folder, "small");
    mkdirSync(small);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small], { stdio: "ignore" });
    } catch {
      skip("mounting a small file system needs more rights than this run has");
    }
    try {
      const failure = await merge(recipe, join(small, "out")).catch((error) => error);
      expect(failure).toMatchObject({ code: "NO_SPACE", exitStatus: 6 });
      expect(failure.message).toMatch(/needs .* bytes\) and .* bytes\) are free/);
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

describe("verify", () => {
  it("passes an output as it was written and reports progress in bytes", async () => {
    await merge(recipe, out);
    const seen: number[] = [];
    const report = await verify(out, { onProgress: ({ done }) => seen.push(done) });
    expect(report).toMatchObject({ ok: true, problems: [], out });
    expect(seen.at(-1)).toBe(report.bytes);
  });

  it.each(["model.safetensors", "config.json", "README.md"])("finds one flipped bit in %s", async (name) => {
    await merge(recipe, out);
    const bytes = readFileSync(join(out, name));
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 4;
    writeFileSync(join(out, name), bytes);
    const report = await verify(out);
    expect(report.ok).toBe(false);
    expect(report.files.filter(({ ok }) => !ok).map(({ path }) => path)).toEqual([name]);
  });

  it("finds files that are missing, cut or added", async () => {
    await merge(recipe, out);
    rmSync(join(out, "config.json"));
    writeFileSync(join(out, "README.md"), "");
    writeFileSync(join(out, "extra.py"), "");
    const { problems } = await verify(out);
    expect([...problems].sort()).toEqual([
      expect.stringMatching(/^README\.md has 0 bytes/),
      "config.json is missing",
      "extra.py was added after the merge",
    ]);
  });

  it("refuses a folder without a record, and a record that leads out of the folder", async () => {
    await expect(verify(folder)).rejects.toEqual(refusal("BAD_INPUT"));
    mkdirSync(out);
    const outputs = [{ path: "../../secret", bytes: 1, sha256: "0".repeat(64) }];
    writeFileSync(join(out, "retemper.json"), JSON.stringify({ outputs }));
    await expect(verify(out)).rejects.toEqual(refusal("BAD_INPUT"));
  });
});
