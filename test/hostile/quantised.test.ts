// Quantised checkpoints whose tensors and settings contradict each other: each is read within its files, or refused by name; codes
// are never taken for numbers, and no plan that the engine would find inconsistent is made of them.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeTensor } from "../../lib/addon/nativePlan.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import type { RetemperError } from "../../lib/errors.js";
import { merge } from "../../lib/merge/merge.js";
import { elementSize } from "../../lib/plan/dtypes.js";
import { InputFiles } from "../../lib/plan/inputFiles.js";
import { matrixOf } from "../../lib/plan/parts.js";
import { casesOf } from "../long.js";
import { failure } from "../unit/checkpoint/fixtures.js";
import { generator, mutateJson } from "./mutations.js";

const addon = loadAddon();
const golden = join(import.meta.dirname, "../golden/quantised");
const folder = mkdtempSync(join(tmpdir(), "retemper-quantised-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const all = readdirSync(golden).filter((name) => !name.includes("."));
const some = ["fp8", "compressed-int4-zero", "gptq-act-order", "awq", "nf4-nested", "bnb-int8"];
const names = casesOf(all, some);

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
type Header = Record<string, Entry>;

/** A copy of a golden checkpoint with another header and other bytes. */
function changed(name: string, change: (header: Header, data: Buffer) => void): string {
  const place = join(folder, name);
  rmSync(place, { recursive: true, force: true });
  cpSync(join(golden, name), place, { recursive: true });
  const file = readFileSync(join(golden, name, "model.safetensors"));
  const length = Number(file.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(file.toString("utf8", 8, 8 + length)) as Header;
  const data = Buffer.from(file.subarray(8 + length));
  change(header as Header, data);
  // bytes of what is left out stay out: every byte belongs to a tensor
  const kept = Object.entries(header as Header).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  let at = 0;
  const parts: Buffer[] = [];
  const packed: Header = {};
  for (const [
    key,
    {
      data_offsets: [begin, end],
      ...entry
    },
  ] of kept) {
    packed[key] = { ...entry, data_offsets: [at, at + end - begin] };
    parts.push(data.subarray(begin, end));
    at += end - begin;
  }
  const text = Buffer.from(JSON.stringify(packed));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(join(place, "model.safetensors"), Buffer.concat([size, text, ...parts]));
  return place;
}

/** Reads every tensor by a plan of the engine, as a merge does. */
async function decodeAll(place: string): Promise<void> {
  const checkpoint = await openCheckpoint(place, { addon, decodes: true });
  const files = new InputFiles();
  let size = 0;
  const tensors = [...checkpoint.tensors.values()].map((tensor): NativeTensor => {
    const range = files.range(checkpoint, "model", tensor);
    const offset = size;
    size += range.count * elementSize(tensor.dtype);
    return {
      ...{ name: tensor.name, shape: tensor.shape, compute: "F32", outDtype: tensor.dtype, modelKeys: [0] },
      sources: [{ parts: [{ ...range, ...matrixOf(tensor.shape) }] }],
      variants: [{ output: 0, offset, params: { op: "copy" } }],
    };
  });
  const path = join(folder, "out");
  rmSync(path, { force: true });
  const outputs = [{ path, size, header: new Uint8Array(0) }];
  const plan = {
    inputs: files.list,
    outputs,
    tensors,
    seed: 0,
    threads: 1,
    maxMemory: 0,
    reading: "auto",
    fsync: false,
  } as const;
  await addon.merge(plan).promise;
}

async function outcome(place: string): Promise<"read" | "refused"> {
  try {
    await decodeAll(place);
    return "read";
  } catch (error) {
    expect((error as RetemperError).code, String((error as Error).stack)).toBe("BAD_INPUT");
    expect((error as Error).message.length).toBeLessThan(2000);
    return "refused";
  }
}

const tensorsOf = (name: string) => addon.readHeader(join(golden, name, "model.safetensors")).names;

describe("a quantised checkpoint", () => {
  it.each(names)("without one of its tensors is refused, or does not need it: %s", async (name) => {
    let refused = 0;
    for (const tensor of tensorsOf(name)) {
      const place = changed(name, (header) => {
        delete header[tensor];
      });
      const ended = await outcome(place);
      if (ended === "refused") refused += 1;
      else expect(tensor, name).toMatch(/norm|bias|g_idx|input_scale|zero_point|weight_format|weight$|nested/);
    }
    expect(refused).toBeGreaterThan(0);
  });

  it.each(names)(
    "whose tensors have other shapes and dtypes is read within its files, or refused: %s",
    async (name) => {
      const others: Readonly<Record<string, string>> = {
        I32: "F32",
        F32: "I32",
        F16: "BF16",
        BF16: "I16",
        I8: "U8",
        U8: "I8",
      };
      let refused = 0;
      for (const tensor of tensorsOf(name)) {
        for (const change of [
          (entry: Entry) => entry.shape.reverse(),
          (entry: Entry) => entry.shape.push(1),
          (entry: Entry) =>
            entry.shape.splice(
              0,
              entry.shape.length,
              1,
              entry.shape.reduce((a, b) => a * b, 1),
            ),
          (entry: Entry) => {
            entry.dtype = others[entry.dtype] ?? entry.dtype;
          },
        ]) {
          if ((await outcome(changed(name, (header) => void change(header[tensor] as Entry)))) === "refused")
            refused += 1;
        }
      }
      expect(refused).toBeGreaterThan(0);
    },
  );

  it.each(names)("whose settings are mutated at random is read within its files, or refused: %s", async (name) => {
    const place = changed(name, () => {});
    const whole = readFileSync(join(golden, name, "config.json"), "utf8");
    for (let seed = 0; seed < 8; seed++) {
      writeFileSync(join(place, "config.json"), mutateJson(whole, generator(seed)));
      await outcome(place);
    }
  });

  it("of GPTQ with a group that is not there is refused with the column", async () => {
    for (const group of [3, -1, 2 ** 31 - 1]) {
      const place = changed("gptq-act-order", (header, data) => {
        data.writeInt32LE(group, (header["a.g_idx"] as Entry).data_offsets[0] + 4 * 17);
      });
      const error = await failure(
        merge({ merge_method: "passthrough", models: [{ model: place }] }, join(folder, `group${group}`), {
          threads: 1,
        }),
      );
      expect(error.code).toBe("BAD_INPUT");
      expect(error.message).toContain(`its g_idx puts column 17 into group ${group} of 3`);
    }
  });

  it.each([
    ["awq", { quant_method: "awq", bits: 4, version: "gemv" }, "AWQ (gemv"],
    ["gptq-4", { quant_method: "gptq", bits: 5, group_size: 32 }, "is of 5 bits"],
    ["gptq-4", { quant_method: "exl2", bits: 4 }, "EXL2"],
    [
      "compressed-int4-group",
      { quant_method: "compressed-tensors", config_groups: { a: { weights: { num_bits: 8 } } } },
      "number of bits",
    ],
  ])("of a kind that is not read is refused by its name: %s, %j", async (name, settings, message) => {
    const place = changed(name, (header) => {
      for (const key of Object.keys(header)) if (/g_idx$/.test(key)) delete header[key];
    });
    writeFileSync(join(place, "config.json"), JSON.stringify({ model_type: "llama", quantization_config: settings }));
    const error = await failure(openCheckpoint(place, { addon, decodes: true }));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(message);
  });
});
