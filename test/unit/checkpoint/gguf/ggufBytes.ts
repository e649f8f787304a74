// Builds GGUF files byte by byte, right ones and wrong ones.

export type Typed =
  | readonly ["u8" | "u16" | "u32" | "i32" | "f32" | "u64" | "bool", number]
  | readonly ["text", string]
  | readonly ["texts", readonly string[]]
  | readonly ["i32s" | "f32s", readonly number[]]
  | readonly ["raw", Uint8Array];

export interface BuiltTensor {
  readonly name: string;
  /** As the file has them: the row first. */
  readonly dims: readonly (number | bigint)[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Instead of the right one. */
  readonly offset?: number;
}

export interface Built {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly keyCount?: bigint;
  readonly metadata?: readonly (readonly [string | Uint8Array, Typed])[];
  readonly tensors?: readonly BuiltTensor[];
  readonly alignment?: number;
}

const SCALARS = { u8: [0, 1], u16: [2, 2], u32: [4, 4], i32: [5, 4], f32: [6, 4], bool: [7, 1], u64: [10, 8] } as const;

const number = (bytes: number, value: number | bigint) => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return buffer.subarray(0, bytes);
};
const float = (value: number) => {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer;
};
export const ggufText = (text: string | Uint8Array) => {
  const bytes = Buffer.from(text as string);
  return Buffer.concat([number(8, bytes.length), bytes]);
};

function typed(value: Typed): Buffer {
  const [kind, content] = value;
  if (kind === "raw") return Buffer.from(content);
  if (kind === "text") return Buffer.concat([number(4, 8), ggufText(content)]);
  if (kind === "texts") {
    return Buffer.concat([number(4, 9), number(4, 8), number(8, content.length), ...content.map(ggufText)]);
  }
  if (kind === "i32s" || kind === "f32s") {
    const each = content.map((item) => (kind === "f32s" ? float(item) : number(4, item)));
    return Buffer.concat([number(4, 9), number(4, kind === "f32s" ? 6 : 5), number(8, content.length), ...each]);
  }
  const [type, bytes] = SCALARS[kind];
  const single = content as number;
  return Buffer.concat([number(4, type), kind === "f32" ? float(single) : number(bytes, single)]);
}

export function ggufBytes(built: Built): Buffer {
  const { magic = "GGUF", version = 3, metadata = [], tensors = [], alignment = 32 } = built;
  const padding = (at: number) => Buffer.alloc((alignment - (at % alignment)) % alignment);
  const data: Buffer[] = [];
  let at = 0;
  const infos = tensors.map(({ name, dims, type, bytes, offset = at }) => {
    const padded = Buffer.concat([bytes, padding(bytes.length)]);
    data.push(padded);
    at += padded.length;
    return Buffer.concat([
      ...[ggufText(name), number(4, dims.length), ...dims.map((size) => number(8, size))],
      ...[number(4, type), number(8, offset)],
    ]);
  });
  const head = Buffer.concat([
    ...[Buffer.from(magic), number(4, version)],
    ...[number(8, built.tensorCount ?? tensors.length), number(8, built.keyCount ?? metadata.length)],
    ...metadata.map(([key, value]) => Buffer.concat([ggufText(key), typed(value)])),
    ...infos,
  ]);
  return Buffer.concat([head, ...(tensors.length > 0 ? [padding(head.length)] : []), ...data]);
}
