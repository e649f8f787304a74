// Files for header.test.ts. `reference` was recorded with safetensors 0.8.0 (Python): open each file with safe_open.

const encoder = new TextEncoder();

/** A safetensors file: the JSON (text, bytes or an object) with its length in front, then `data` zero bytes. */
export function safetensors(json: string | Uint8Array | object, data: number, claimed?: bigint): Uint8Array {
  const text =
    json instanceof Uint8Array ? json : encoder.encode(typeof json === "string" ? json : JSON.stringify(json));
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

export interface HeaderRow {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly reference: "accepts" | "rejects";
  readonly ours: "accepts" | "rejects" | "stricter";
  /** Names in the order of the data, for accepted files. */
  readonly names?: readonly string[];
  /** Part of our message, and the tensor it names, for rejected files. */
  readonly says?: string;
  readonly tensor?: string;
}

const entry = (shape = "[2]", offsets = "[0,2]", dtype = "U8") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const one = (...args: Parameters<typeof entry>) => `{"a":${entry(...args)}}`;

function accepted(title: string, json: string | Uint8Array, data: number, names: string[]): HeaderRow {
  return { title, bytes: safetensors(json, data), reference: "accepts", ours: "accepts", names };
}
function rejected(title: string, json: string | Uint8Array, data: number, says: string, tensor?: string): HeaderRow {
  return {
    ...{ title, bytes: safetensors(json, data), reference: "rejects", ours: "rejects", says },
    ...(tensor === undefined ? {} : { tensor }),
  };
}
function stricter(title: string, json: string | Uint8Array, data: number, says: string, tensor?: string): HeaderRow {
  return { ...rejected(title, json, data, says, tensor), reference: "accepts", ours: "stricter" };
}
function raw(title: string, content: string | Uint8Array, says: string): HeaderRow {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  return { title, bytes, reference: "rejects", ours: "rejects", says };
}

export const headerCorpus: readonly HeaderRow[] = [
  accepted("one tensor", one(), 2, ["a"]),
  accepted("no tensor", "{}", 0, []),
  accepted("padding with spaces", `${one()}      `, 2, ["a"]),
  accepted("white space of every kind, before, between and after", ` \n{ "a" :\r\n\t${entry("[ 2 ]")} } \n`, 2, ["a"]),
  accepted(
    "tensors that are not in the order of their data",
    `{"b":${entry("[1]", "[1,2]")},"a":${entry("[1]", "[0,1]")}}`,
    2,
    ["a", "b"],
  ),
  accepted("a scalar", one("[]", "[0,1]"), 1, ["a"]),
  accepted("a tensor without elements", one("[0]", "[0,0]"), 0, ["a"]),
  accepted(
    "tensors without elements between others",
    `{"x":${entry("[2]", "[0,2]")},"y":${entry("[3,0]", "[2,2]")},"z":${entry("[1]", "[2,3]")}}`,
    3,
    ["x", "y", "z"],
  ),
  accepted("metadata", `{"__metadata__":{"format":"pt"},"a":${entry()}}`, 2, ["a"]),
  accepted("metadata that is null", `{"__metadata__":null,"a":${entry()}}`, 2, ["a"]),
  accepted(
    "an unknown field",
    `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":{"y":[1,-2.5e3,true,null]}}}`,
    2,
    ["a"],
  ),
  accepted(
    "an unknown field that is nested 100 deep",
    `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":${"[".repeat(100)}${"]".repeat(100)}}}`,
    2,
    ["a"],
  ),
  accepted("an empty name", `{"":${entry()}}`, 2, [""]),
  accepted("a name with escapes", `{"\\u0061\\ud83d\\ude00\\n":${entry()}}`, 2, ["a😀\n"]),
  accepted("a field name with escapes", `{"a":{"d\\u0074ype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2, ["a"]),
  accepted("8-bit floats", `{"a":${entry("[1]", "[0,1]", "F8_E4M3")},"b":${entry("[1]", "[1,2]", "F8_E8M0")}}`, 2, [
    "a",
    "b",
  ]),

  rejected("an array", "[]", 0, "does not begin with '{'"),
  rejected("NUL bytes as padding", `${one()}\0\0`, 2, "after the header"),
  rejected("a byte order mark", `\uFEFF${one()}`, 2, "does not begin with '{'"),
  rejected(
    "bytes that are not UTF-8",
    Uint8Array.from([...encoder.encode(`{"a`), 0xff, ...encoder.encode(`":${entry()}}`)]),
    2,
    "invalid UTF-8",
  ),
  rejected("a lone surrogate", `{"\\ud800":${entry()}}`, 2, "surrogate"),
  rejected("a control character in a name", `{"a\u0001":${entry()}}`, 2, "control character"),
  rejected("a comma at the end", `{"a":${entry()},}`, 2, "not valid"),
  rejected(
    "an unknown field that is nested 200,000 deep",
    `{"a":{"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}}`,
    0,
    "nested too deeply",
    "a",
  ),
  rejected("an entry that is null", `{"a":null}`, 0, "expected '{'", "a"),
  rejected("metadata that is a number", `{"__metadata__":{"x":1}}`, 0, "not valid"),
  rejected(
    "two sections of metadata",
    `{"__metadata__":{"x":"1"},"__metadata__":{"x":"1"},"a":${entry()}}`,
    2,
    "__metadata__ twice",
  ),
  rejected(
    "a field twice",
    `{"a":{"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]}}`,
    2,
    '"shape" twice',
    "a",
  ),
  rejected("no dtype", `{"a":{"shape":[2],"data_offsets":[0,2]}}`, 2, "no dtype", "a"),
  rejected("no shape", `{"a":{"dtype":"U8","data_offsets":[0,2]}}`, 2, "no shape", "a"),
  rejected("no offsets", `{"a":{"dtype":"U8","shape":[2]}}`, 2, "no data_offsets", "a"),
  rejected("three offsets", one("[2]", "[0,2,2]"), 2, "expected ']'", "a"),
  rejected("a negative offset", one("[2]", "[-1,1]"), 2, "negative", "a"),
  rejected("a negative zero", one("[2]", "[-0,2]"), 2, "negative", "a"),
  rejected("a fraction", one("[2.0]"), 2, "fraction", "a"),
  rejected("an exponent", one("[2e0]"), 2, "fraction", "a"),
  rejected("a leading zero", one("[02]"), 2, "leading zero", "a"),
  rejected("a size in quotes", one('["2"]'), 2, "whole number", "a"),
  rejected("an offset of 2^64", one("[2]", "[0,18446744073709551616]"), 2, "64 bits", "a"),
  rejected(
    "an offset of 2^53 + 1, which JSON.parse would round",
    one("[2]", "[0,9007199254740993]"),
    2,
    "9007199254740993",
    "a",
  ),
  rejected(
    "a shape whose product wraps around to the right size",
    one("[4194305,4194305,211106198978564]", "[0,4]"),
    4,
    "overflows",
    "a",
  ),
  rejected(
    "a shape that overflows before its zero",
    one("[4503599627370496,4503599627370496,0]", "[0,0]"),
    0,
    "overflows",
    "a",
  ),
  rejected("a size that is not shape times dtype", one("[3]"), 2, "takes 3 bytes", "a"),
  rejected("reversed offsets", one("[2]", "[2,0]"), 2, "reversed", "a"),
  rejected("overlapping tensors", `{"a":${entry()},"b":${entry("[2]", "[1,3]")}}`, 3, "overlaps tensor a", "b"),
  rejected("two tensors over the same bytes", `{"a":${entry()},"b":${entry()}}`, 2, "overlaps tensor a", "b"),
  rejected("a gap", `{"a":${entry()},"b":${entry("[2]", "[3,5]")}}`, 5, "gap of 1 bytes", "b"),
  rejected("data that does not start at 0", one("[2]", "[1,3]"), 3, "instead of 0", "a"),
  rejected("a file that is cut off", one("[4]", "[0,4]"), 3, "cut off", "a"),
  rejected("bytes after the last tensor", one(), 3, "1 bytes after its last tensor"),
  rejected("bytes after a header without tensors", "{}", 1, "1 bytes after its last tensor"),
  rejected("an unknown dtype", one("[2]", "[0,2]", "F128"), 2, "unsupported dtype F128", "a"),
  rejected("a dtype in lower case", one("[2]", "[0,2]", "u8"), 2, "unsupported dtype u8", "a"),
  rejected("an empty dtype", one("[2]", "[0,2]", ""), 2, "unsupported dtype", "a"),

  stricter("a tensor twice", `{"a":${entry()},"a":${entry()}}`, 2, "twice", "a"),
  stricter("a tensor twice, once with an escape", `{"a":${entry()},"\\u0061":${entry()}}`, 2, "twice", "a"),
  stricter("a metadata key twice", `{"__metadata__":{"x":"1","x":"2"},"a":${entry()}}`, 2, '"x" twice'),
  stricter("NUL in a name", `{"a\\u0000b":${entry()}}`, 2, "NUL"),
  stricter("an entry written as an array", `{"a":["U8",[2],[0,2]]}`, 2, "expected '{'", "a"),
  stricter("4-bit floats", one("[4]", "[0,2]", "F4"), 2, "unsupported dtype F4", "a"),
  stricter("6-bit floats", one("[4]", "[0,3]", "F6_E2M3"), 3, "unsupported dtype F6_E2M3", "a"),
  stricter("a dimension that JS cannot hold", one("[0,18446744073709551615]", "[0,0]"), 0, "too large", "a"),

  raw("an empty file", "", "is empty"),
  raw("a file of seven bytes", "1234567", "too short"),
  raw("a header length beyond the file", safetensors("{}", 0, 3n), "does not fit the file"),
  raw("a header length beyond the limit", safetensors("{}", 0, 100_000_001n), "limit is 100000000"),
  raw("a header length of 2^64 - 1 before a header", safetensors("{}", 0, 2n ** 64n - 1n), "limit is 100000000"),
  raw("a header length of 0", safetensors("{}", 0, 0n), "does not begin with '{'"),
  raw("a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
  raw("an HTML page", "<!DOCTYPE html>\n<html><body>Not found</body></html>", "HTML page"),
  raw("a zip archive", Uint8Array.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0, 0]), "zip archive"),
  raw("a pickle", Uint8Array.from([0x80, 2, 0x7d, 0x71, 0, 0x58, 1, 0, 0, 0]), "pickle"),
  raw("a GGUF file", Uint8Array.from([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0, 0, 0]), "GGUF"),
];
