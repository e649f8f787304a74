// torch's format before 1.6 (and later with _use_new_zipfile_serialization=False): five pickles one after the other (a magic
// number, a version, facts of the machine, what was saved, the keys of its storages), then each storage in the order of these
// keys: the number of its elements (8 bytes), and the elements.

import { RetemperError } from "../../../errors.js";
import { CutOff } from "./pickleBytes.js";
import type { PickledBytes } from "./pickleFile.js";
import { LONGEST_PICKLE } from "./pickleMemory.js";
import type { PickledCheckpoint } from "./readZip.js";
import { torchNames } from "./torchNames.js";
import { type Unpickled, unpickle } from "./unpickle.js";
import { Dict, type PickleValue, Storage, Tuple, View } from "./values.js";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** Bytes that are read at first; more, where the pickles are longer. */
const FIRST = 256 * 1024;

/** @throws RetemperError BAD_INPUT */
export async function readLegacy(file: PickledBytes): Promise<PickledCheckpoint> {
  const pickles = new Pickles(file);
  const refused = (message: string, hint: string) => new RetemperError("BAD_INPUT", message, { file: file.path, hint });
  const foreign = (what: string) =>
    refused(
      `is a pickle, but none of torch's: ${what}`,
      "Nothing of it was run. Use the safetensors files of the model.",
    );
  if ((await pickles.next()) !== MAGIC) throw foreign("it does not begin with torch's number");
  if ((await pickles.next()) !== VERSION) throw foreign(`its version is not ${VERSION}`);
  const machine = await pickles.next();
  if (!(machine instanceof Dict) || machine.entries.get("little_endian") !== true) {
    throw refused("its numbers are not little-endian", "Load it with torch, and save it as safetensors.");
  }
  const value = await pickles.next();
  const keys = await pickles.next();
  const places = await storagePlaces(file, pickles.end, keys, storagesOf(value));
  return {
    value,
    placeOf(storage) {
      const place = places.get(storage.key);
      if (place?.whole === storage.whole && place.width === storage.dtype.bytes) return place.offset;
      throw refused(`its storage ${storage.key} is not there whole`, "Download or save the checkpoint again.");
    },
  };
}

/** One pickle after the other from the start of a file, of which no more is read than they need. */
class Pickles {
  readonly #file: PickledBytes;
  #bytes: Buffer = Buffer.alloc(0);
  end = 0;

  constructor(file: PickledBytes) {
    this.#file = file;
  }

  async next(): Promise<PickleValue> {
    for (;;) {
      try {
        const { value, end }: Unpickled = unpickle(this.#bytes, this.end, torchNames, this.#file.path);
        this.end = end;
        return value;
      } catch (error) {
        if (!(error instanceof CutOff)) throw error;
        const length = Math.min(Math.max(FIRST, 2 * this.#bytes.length), this.#file.size, LONGEST_PICKLE);
        if (length === this.#bytes.length) {
          const message =
            length === this.#file.size ? "the pickle is cut off" : `the pickle is longer than ${LONGEST_PICKLE} bytes`;
          throw new RetemperError("BAD_INPUT", message, { file: this.#file.path, hint: "Download the file again." });
        }
        this.#bytes = await this.#file.start(length);
      }
    }
  }
}

interface Place {
  readonly offset: number;
  readonly whole: number;
  /** Bytes of an element. */
  readonly width: number;
}

/** The storages by key, as what was saved speaks of them: widths are known from there alone. */
function storagesOf(value: PickleValue): ReadonlyMap<string, Storage> {
  const found = new Map<string, Storage>();
  const seen = new Set<PickleValue>();
  const rest: PickleValue[] = [value];
  for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
    if (one instanceof View) found.set(one.storage.key, one.storage);
    else if (one instanceof Storage) found.set(one.key, one);
    else if (typeof one === "object" && one !== null && !seen.has(one)) {
      seen.add(one); // what refers to itself, or to one thing many times, is walked once
      if (one instanceof Dict) for (const inner of one.entries.values()) rest.push(inner);
      else if (one instanceof Tuple || Array.isArray(one))
        for (const inner of Array.isArray(one) ? one : one.items) rest.push(inner);
    }
  }
  return found;
}

async function storagePlaces(
  file: PickledBytes,
  start: number,
  keys: PickleValue,
  storages: ReadonlyMap<string, Storage>,
): Promise<ReadonlyMap<string, Place>> {
  const broken = (what: string) =>
    new RetemperError("BAD_INPUT", `its storages are broken: ${what}`, {
      file: file.path,
      hint: "Download or save the checkpoint again.",
    });
  if (!Array.isArray(keys)) throw broken("there is no list of them");
  const places = new Map<string, Place>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || places.has(key as string)) throw broken("their list does not fit what was saved");
    if (at + 8 > file.size) throw broken("the file ends before them");
    const whole = Number((await file.read(at, 8)).readBigInt64LE(0));
    const width = storage.dtype.bytes;
    if (whole !== storage.whole) throw broken(`${storage.key} has ${whole} elements, not ${storage.whole}`);
    const offset = at + 8;
    at = offset + whole * width;
    if (at > file.size) throw broken(`the file ends in ${storage.key}`);
    places.set(storage.key, { offset, whole, width });
  }
  if (at !== file.size) throw broken(`${file.size - at} bytes follow the last of them`);
  return places;
}
