// torch's element types by the names that pickles have for them: storage classes (torch.FloatStorage) and dtypes (torch.float32).

/** The dtype as safetensors spells it, and the bytes of an element. What merging does not know is refused later, by this name. */
export interface TorchDtype {
  readonly name: string;
  readonly bytes: number;
}

const dtype = (name: string, bytes: number): TorchDtype => ({ name, bytes });

const F64 = dtype("F64", 8);
const F32 = dtype("F32", 4);
const F16 = dtype("F16", 2);
const BF16 = dtype("BF16", 2);
const I64 = dtype("I64", 8);
const I32 = dtype("I32", 4);
const I16 = dtype("I16", 2);
const I8 = dtype("I8", 1);
const U8 = dtype("U8", 1);
const BOOL = dtype("BOOL", 1);
const C64 = dtype("C64", 8);
const C128 = dtype("C128", 16);

/** Classes of storages with a type; quantised ones (QInt8Storage) are not here. */
export const STORAGES: ReadonlyMap<string, TorchDtype> = new Map([
  ["torch.DoubleStorage", F64],
  ["torch.FloatStorage", F32],
  ["torch.HalfStorage", F16],
  ["torch.BFloat16Storage", BF16],
  ["torch.LongStorage", I64],
  ["torch.IntStorage", I32],
  ["torch.ShortStorage", I16],
  ["torch.CharStorage", I8],
  ["torch.ByteStorage", U8],
  ["torch.BoolStorage", BOOL],
  ["torch.ComplexFloatStorage", C64],
  ["torch.ComplexDoubleStorage", C128],
]);

/** Classes of storages that are bytes; the tensor says what they hold. */
export const UNTYPED_STORAGES: ReadonlySet<string> = new Set(["torch.storage.UntypedStorage", "torch.UntypedStorage"]);

/** The element type of a storage that is bytes. */
export const BYTES = U8;

export const DTYPES: ReadonlyMap<string, TorchDtype> = new Map([
  ["torch.float64", F64],
  ["torch.float32", F32],
  ["torch.float16", F16],
  ["torch.bfloat16", BF16],
  ["torch.int64", I64],
  ["torch.int32", I32],
  ["torch.int16", I16],
  ["torch.int8", I8],
  ["torch.uint8", U8],
  ["torch.uint16", dtype("U16", 2)],
  ["torch.uint32", dtype("U32", 4)],
  ["torch.uint64", dtype("U64", 8)],
  ["torch.bool", BOOL],
  ["torch.complex64", C64],
  ["torch.complex128", C128],
  ["torch.float8_e4m3fn", dtype("F8_E4M3", 1)],
  ["torch.float8_e5m2", dtype("F8_E5M2", 1)],
  ["torch.float8_e8m0fnu", dtype("F8_E8M0", 1)],
  ["torch.float8_e4m3fnuz", dtype("F8_E4M3FNUZ", 1)],
  ["torch.float8_e5m2fnuz", dtype("F8_E5M2FNUZ", 1)],
]);
