// Folders made on the spot: safetensors files from shapes and values, in a temporary directory of each test file.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: string;
  /** F32 only; default zeros. */
  readonly values?: readonly number[];
}

const WIDTH: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  U8: 1,
  I8: 1,
  BOOL: 1,
};

/** The bytes of a safetensors file. */
export function safetensors(tensors: Readonly<Record<string, TensorSpec>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, dtype = "F32", values }] of Object.entries(tensors)) {
    const count = shape.reduce((n, size) => n * size, 1);
    const bytes = values ? Buffer.from(Float32Array.from(values).buffer) : Buffer.alloc(count * (WIDTH[dtype] ?? 1));
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    data.push(bytes);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

/** A temporary directory that goes when the file's tests are done. `write` makes parents; objects become JSON. */
export function workspace() {
  const root = mkdtempSync(join(tmpdir(), "retemper-checkpoint-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, content: string | Buffer | object): string => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content));
    return full;
  };
  return {
    root,
    path: (...parts: string[]) => join(root, ...parts),
    write,
    /** model.safetensors and config.json in a folder of this name; its path. */
    model(
      name: string,
      tensors: Readonly<Record<string, TensorSpec>>,
      config: object = { model_type: "llama" },
    ): string {
      write(join(name, "config.json"), config);
      return dirname(write(join(name, "model.safetensors"), safetensors(tensors)));
    },
    /** A PEFT adapter. */
    adapter(name: string, tensors: Readonly<Record<string, TensorSpec>>, config: object = {}): string {
      write(join(name, "adapter_config.json"), { peft_type: "LORA", r: 2, lora_alpha: 4, ...config });
      return dirname(write(join(name, "adapter_model.safetensors"), safetensors(tensors)));
    },
  };
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<RetemperError> {
  return promise.then(
    () => {
      throw new Error("expected a rejection");
    },
    (error: RetemperError) => error,
  );
}
