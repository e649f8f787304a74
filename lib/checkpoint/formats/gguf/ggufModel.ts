// A model out of the headers of its GGUF files: tensors, configuration, and what quantisation took from it.

import { closeSync, openSync, readSync } from "node:fs";
import { RetemperError } from "../../../errors.js";
import { elementsOf } from "../../elementsOf.js";
import type { StoredFile, StoredTensor } from "../../types.js";
import { familyOfArchitecture, GGUF_FAMILIES, ROPE_TENSORS } from "./families/families.js";
import type { RopeTensors } from "./families/ropeScaling.js";
import type { Config, GgufFamily, GgufMetadata } from "./families/types.js";
import { ggufConfig } from "./ggufConfig.js";
import { ggufTensors } from "./ggufTensors.js";
import type { GgufHeader } from "./readHeader.js";

export interface GgufModel {
  readonly family: GgufFamily;
  readonly files: readonly StoredFile[];
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly config: Config;
  readonly configText: string;
  readonly notes: readonly string[];
}

/** @throws RetemperError BAD_INPUT for a family that is not known, and for tensors or metadata that do not fit it */
export function ggufModel(headers: readonly GgufHeader[]): GgufModel {
  const [first] = headers as [GgufHeader];
  const { metadata } = first;
  const file = first.file.path;
  const family = familyOf(metadata, file);
  const tensors = ggufTensors(family, metadata, headers);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const dtype = mostUsed(tensors);
  const config = ggufConfig({ family, metadata, shapes, rope: ropeTensors(headers), dtype, file });
  return {
    ...{ family, metadata, tensors, config },
    files: headers.map((header) => header.file),
    configText: `${JSON.stringify(config, null, 2)}\n`,
    notes: notesOf(headers),
  };
}

function familyOf(metadata: GgufMetadata, file: string): GgufFamily {
  const error = (message: string, hint: string) => new RetemperError("BAD_INPUT", message, { file, hint });
  const type = metadata.get("general.type");
  if (type === "adapter") {
    throw error("this GGUF file is an adapter, not a model", "Use the adapter's safetensors version: base+adapter.");
  }
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string")
    throw error("the metadata have no general.architecture", "Download the file again.");
  const family = familyOfArchitecture(architecture);
  if (family) return family;
  const known = GGUF_FAMILIES.map((one) => one.architecture).join(", ");
  throw error(
    `GGUF files of the architecture ${JSON.stringify(architecture.slice(0, 60))} are not read; known are ${known}`,
    "Use the safetensors version of the model, or ask a server that runs this one (--endpoint).",
  );
}

const NAMES: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16", F64: "float64" };

function mostUsed(tensors: ReadonlyMap<string, StoredTensor>): string {
  const counts = new Map<string, number>();
  for (const tensor of tensors.values()) {
    counts.set(tensor.dtype, (counts.get(tensor.dtype) ?? 0) + elementsOf(tensor));
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return NAMES[most?.[0] ?? "F32"] ?? "float32";
}

/** What cannot be got back: the precision that quantisation took. */
function notesOf(headers: readonly GgufHeader[]): string[] {
  const counts = new Map<string, number>();
  for (const { tensors } of headers) {
    for (const { type } of tensors) if (type.blocks) counts.set(type.name, (counts.get(type.name) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const types = [...counts].map(([name, count]) => `${count} of ${name}`).join(", ");
  return [`tensors were quantised before they came here (${types}); the precision that they lost then stays lost`];
}

/** More than the frequencies of any head. */
const MOST_FACTORS = 65_536;

function ropeTensors(headers: readonly GgufHeader[]): RopeTensors {
  const found: Partial<Record<(typeof ROPE_TENSORS)[number], Float32Array>> = {};
  for (const { file, tensors } of headers) {
    for (const { name, type, offset, bytes } of tensors) {
      const known = ROPE_TENSORS.find((one) => one === name);
      if (!known) continue;
      if (type.name !== "F32" || bytes > 4 * MOST_FACTORS) {
        throw new RetemperError("BAD_INPUT", "factors of rotary positions must be a few F32 numbers", {
          file: file.path,
          tensor: name,
        });
      }
      found[known] = floatsAt(file.path, offset, bytes);
    }
  }
  const [freqs, long, short] = ROPE_TENSORS.map((name) => found[name]);
  return { ...(freqs && { freqs }), ...(long && { long }), ...(short && { short }) };
}

function floatsAt(path: string, offset: number, bytes: number): Float32Array {
  const values = new Uint8Array(bytes);
  const handle = openSync(path, "r");
  try {
    if (readSync(handle, values, 0, bytes, offset) !== bytes) {
      throw new RetemperError("BAD_INPUT", "the file was cut while it was read", { file: path });
    }
  } finally {
    closeSync(handle);
  }
  return new Float32Array(values.buffer);
}
