// A temporary folder with input files, plans over them, and the engine's answer read back.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dtype } from "../../lib/addon/dtype.js";
import { loadAddon } from "../../lib/addon/load.js";
import type {
  NativeInput,
  NativeMergeReport,
  NativeParams,
  NativePart,
  NativePlan,
  NativeRange,
  NativeSource,
  NativeTensor,
} from "../../lib/addon/nativePlan.js";
import type { NativeProgress } from "../../lib/addon/surface.js";
import { encode, type FloatDtype } from "./dtypes.js";
import { byteLength, type Layout, makeHeader, writeSafetensors } from "./safetensors.js";
import { withTarget } from "./withTarget.js";

/** A tensor to store: numbers, or bytes of any dtype. */
export type Stored = { readonly shape: readonly number[]; readonly name?: string } & (
  | { readonly dtype: FloatDtype; readonly values: ArrayLike<number> }
  | { readonly dtype: Dtype; readonly bytes: Uint8Array }
);

/** A tensor to merge; places in the outputs are worked out. */
export interface Draft {
  readonly name: string;
  readonly shape: readonly number[];
  readonly compute?: "F32" | "F64";
  readonly outDtype: Dtype;
  readonly sources: readonly NativeSource[];
  readonly modelKeys?: readonly number[];
  /** One parameter set for each output of the plan it goes to; `output` 0 by default. */
  readonly variants: readonly { readonly output?: number; readonly params: NativeParams }[];
}

export interface RunOptions {
  readonly threads?: number;
  readonly reading?: NativePlan["reading"];
  readonly target?: string;
  readonly seed?: number;
  readonly maxMemory?: number;
  readonly fsync?: boolean;
  /** Bytes that the output's data section is moved from a multiple of 8. */
  readonly outputShift?: number;
  readonly onProgress?: (progress: NativeProgress) => void;
}

export interface Result {
  readonly report: NativeMergeReport;
  /** Whole output files. */
  readonly files: readonly Uint8Array[];
  /** tensors[t][v]: the bytes of draft t's variant v. */
  readonly tensors: readonly (readonly Uint8Array[])[];
}

/** Input files and merges in a folder of their own; `close` removes everything. */
export class PlanBench {
  readonly folder: string = mkdtempSync(join(tmpdir(), "retemper-differential-"));
  readonly inputs: NativeInput[] = [];
  #runs = 0;

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes one input file; answers the tensors' places. `shift` moves the data section off its alignment. */
  store(tensors: readonly Stored[], shift = 0): NativeRange[] {
    const path = join(this.folder, `input-${this.inputs.length}.safetensors`);
    const input = this.inputs.length;
    const layouts = tensors.map((tensor, k) => ({
      name: tensor.name ?? `tensor.${k}`,
      dtype: tensor.dtype,
      shape: tensor.shape,
      bytes: "bytes" in tensor ? tensor.bytes : encode(tensor.values, tensor.dtype),
    }));
    const { offsets } = writeSafetensors(path, layouts, 8, shift);
    this.inputs.push(describeFile(path));
    return layouts.map(({ dtype, shape }, k) => ({
      input,
      offset: offsets[k] as number,
      dtype,
      count: shape.reduce((product, size) => product * size, 1),
    }));
  }

  /** Runs one merge of the drafts over all stored inputs. */
  async run(drafts: readonly Draft[], options: RunOptions = {}): Promise<Result> {
    const plan = this.plan(drafts, options);
    const report = await withTarget(options.target, () => loadAddon().merge(plan, options.onProgress).promise);
    const files = plan.outputs.map(({ path }) => new Uint8Array(readFileSync(path)));
    const tensors = plan.tensors.map((tensor) =>
      tensor.variants.map(({ output, offset }) => {
        const length = byteLength({ dtype: tensor.outDtype, shape: tensor.shape });
        return (files[output] as Uint8Array).subarray(offset, offset + length);
      }),
    );
    for (const { path } of plan.outputs) rmSync(path);
    return { report, files, tensors };
  }

  /** The plan that `run` would execute. */
  plan(drafts: readonly Draft[], options: RunOptions = {}): NativePlan {
    const folder = join(this.folder, `run-${this.#runs++}`);
    mkdirSync(folder);
    const outputs = 1 + Math.max(0, ...drafts.flatMap(({ variants }) => variants.map(({ output = 0 }) => output)));
    const layouts: Layout[][] = Array.from({ length: outputs }, () => []);
    const places = drafts.map(({ name, outDtype, shape, variants }) =>
      variants.map(({ output = 0 }) => (layouts[output] as Layout[]).push({ name, dtype: outDtype, shape }) - 1),
    );
    const headers = layouts.map((tensors) => makeHeader(tensors, 8, options.outputShift ?? 0));
    return {
      inputs: this.inputs,
      outputs: headers.map(({ bytes, size }, k) => ({
        path: join(folder, `out-${k}.safetensors`),
        size,
        header: bytes,
      })),
      tensors: drafts.map((draft, d): NativeTensor => {
        return {
          name: draft.name,
          shape: draft.shape,
          compute: draft.compute ?? "F32",
          outDtype: draft.outDtype,
          sources: draft.sources,
          modelKeys: draft.modelKeys ?? draft.sources.map((_, k) => k),
          variants: draft.variants.map(({ output = 0, params }, v) => ({
            output,
            offset: headers[output]?.offsets[places[d]?.[v] as number] as number,
            params,
          })),
        };
      }),
      seed: options.seed ?? 0,
      threads: options.threads ?? 2,
      maxMemory: options.maxMemory ?? 0,
      reading: options.reading ?? "auto",
      fsync: options.fsync ?? false,
    };
  }
}

/** The stored range as the matrix that the engine takes it for. */
export function part(range: NativeRange, shape: readonly number[], extra: Partial<NativePart> = {}): NativePart {
  const rows = shape[0] ?? 1;
  const cols = shape.slice(1).reduce((product, size) => product * size, 1);
  return { ...range, rows, cols, ...extra };
}

/** A source that is one stored tensor as it is. */
export function whole(range: NativeRange, shape: readonly number[], extra: Partial<NativePart> = {}): NativeSource {
  return { parts: [part(range, shape, extra)] };
}

function describeFile(path: string): NativeInput {
  const { size, ino, mtimeNs } = statSync(path, { bigint: true });
  return { path, size: Number(size), inode: String(ino), mtimeNs: String(mtimeNs) };
}
