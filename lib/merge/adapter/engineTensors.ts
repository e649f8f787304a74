// Tensors that the engine makes for a step in between: one file of a workplace, read back piece by piece.

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { runJob } from "../../addon/job.js";
import type { NativeInput, NativePart } from "../../addon/nativePlan.js";
import type { Addon, NativeProgress } from "../../addon/surface.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { readPiece } from "../../files/readPiece.js";
import { nativePlan } from "../../plan/build.js";
import { elementSize } from "../../plan/dtypes.js";
import { matrixOf } from "../../plan/parts.js";
import { packShards } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { MergeOptions } from "../options.js";

/** How the engine runs for a step in between: its file is of no use to anyone else. */
export interface EngineRun {
  readonly options: MergeOptions;
  readonly addon: Addon;
  /** Bytes of tensors made since the last call. */
  readonly made: (bytes: number) => void;
}

/** A file of tensors that the engine wrote. */
export class EngineTensors {
  readonly #path: string;
  readonly #offsets: readonly number[];
  readonly #drafts: readonly DraftTensor[];
  readonly bytesRead: number;
  readonly target: string;
  readonly threads: number;

  private constructor(
    path: string,
    drafts: readonly DraftTensor[],
    offsets: readonly number[],
    report: { readonly bytesRead: number; readonly target: string; readonly threads: number },
  ) {
    this.#path = path;
    this.#drafts = drafts;
    this.#offsets = offsets;
    this.bytesRead = report.bytesRead;
    this.target = report.target;
    this.threads = report.threads;
  }

  /** @param drafts at least one; `inputs` are the files of their ranges */
  static async write(
    folder: string,
    fileName: string,
    drafts: readonly DraftTensor[],
    inputs: readonly NativeInput[],
    { options, addon, made }: EngineRun,
  ): Promise<EngineTensors> {
    const outputs = drafts.map(({ outDtype, shape }, at) => ({ name: `${at}`, dtype: outDtype, shape }));
    const { shards, totalSize } = packShards(outputs, Number.MAX_VALUE);
    const layout = { shards: shards.map((shard) => ({ ...shard, fileName })), totalSize };
    const {
      signal,
      seed = 0,
      threads = 0,
      maxMemory = 0,
      device = "auto",
      multiGpu = false,
      reading = "auto",
    } = options;
    const run = { seed, threads, maxMemory, reading, writing: "cached", fsync: false, device, multiGpu } as const;
    const plan = nativePlan({ tensors: drafts, inputs, layout }, folder, run);
    let before = 0;
    const onProgress = ({ done }: NativeProgress) => {
      made(done - before);
      before = done;
    };
    const report = await runJob((listener) => addon.merge(plan, listener), { signal, onProgress });
    made(totalSize - before);
    const offsets: number[] = [];
    for (const { tensor, offset } of shards.flatMap(({ placed }) => placed)) offsets[tensor] = offset;
    return new EngineTensors(join(folder, fileName), drafts, offsets, report);
  }

  get path(): string {
    return this.#path;
  }

  offset(at: number): number {
    return this.#offsets[at] as number;
  }

  bytes(at: number): number {
    const { outDtype, shape } = this.#drafts[at] as DraftTensor;
    return elementsOf({ shape }) * elementSize(outDtype);
  }

  /** A tensor as the part of another plan. @param input the number of this file there */
  part(at: number, input: number): NativePart {
    const { outDtype: dtype, shape } = this.#drafts[at] as DraftTensor;
    return { input, offset: this.offset(at), dtype, count: elementsOf({ shape }), ...matrixOf(shape) };
  }

  /** This file as the input of another plan. */
  input(addon: Pick<Addon, "readHeader">): NativeInput {
    const { size, inode, mtimeNs } = addon.readHeader(this.#path);
    return { path: this.#path, size, inode, mtimeNs };
  }

  /** The float32 values of some tensors, in their order. */
  async floats(tensors: readonly number[]): Promise<Float32Array[]> {
    const handle = await open(this.#path, "r").catch((error: unknown) => {
      throw ioError(error, this.#path, "cannot read");
    });
    try {
      const found: Float32Array[] = [];
      for (const at of tensors) {
        const { outDtype, shape } = this.#drafts[at] as DraftTensor;
        if (outDtype !== "F32") throw new RetemperError("INTERNAL", `tensor ${at} is ${outDtype}, not float32`);
        found.push(await readFloats(handle, this.offset(at), elementsOf({ shape })));
      }
      return found;
    } catch (error) {
      throw ioError(error, this.#path, "cannot read");
    } finally {
      await handle.close();
    }
  }
}

/** `count` float32 values that lie at `offset` of an open file. */
export async function readFloats(handle: FileHandle, offset: number, count: number): Promise<Float32Array> {
  const values = new Float32Array(count);
  const bytes = Buffer.from(values.buffer);
  for (let done = 0; done < bytes.length; ) {
    const read = await readPiece(handle, bytes, done, Math.min(bytes.length - done, 1 << 30), offset + done);
    if (read === 0) throw new RetemperError("IO", "the file ends early");
    done += read;
  }
  return values;
}
