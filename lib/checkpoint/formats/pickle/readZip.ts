// torch's format since 1.6: a zip archive with data.pkl, which says what tensors there are, and a file for each storage.

import { RetemperError } from "../../../errors.js";
import { zipEntries } from "../../../files/zipEntries.js";
import { CutOff } from "./pickleBytes.js";
import type { PickledBytes } from "./pickleFile.js";
import { LONGEST_PICKLE } from "./pickleMemory.js";
import { torchNames } from "./torchNames.js";
import { unpickle } from "./unpickle.js";
import type { PickleValue, Storage } from "./values.js";

/** What a checkpoint holds, and where a storage's elements begin in its file. */
export interface PickledCheckpoint {
  readonly value: PickleValue;
  /** @throws RetemperError BAD_INPUT for a storage that is not there whole */
  readonly placeOf: (storage: Storage) => number;
}

/** @throws RetemperError BAD_INPUT */
export async function readZip(file: PickledBytes): Promise<PickledCheckpoint> {
  const refused = (message: string, hint: string) => new RetemperError("BAD_INPUT", message, { file: file.path, hint });
  const entries = await zipEntries({
    size: file.size,
    read: (offset, length) => file.read(offset, length),
    broken: (what) =>
      refused(`the zip archive is broken, or not one of torch's: ${what}`, "Download or save the checkpoint again."),
  });
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (!pickle || pickles.length > 1) {
    throw refused(
      "is a zip archive, but none of torch's: it has no data.pkl",
      "Use the safetensors files of the model.",
    );
  }
  const root = pickle.name.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`)) {
    throw refused(
      "is a TorchScript archive: a program, not weights alone",
      "Load it where you trust it, and save its state_dict() as safetensors.",
    );
  }
  const packed = [...entries.values()].find(({ method }) => method !== 0);
  if (packed) {
    throw refused(
      `its entry ${JSON.stringify(packed.name.slice(0, 120))} is compressed, and torch stores its files as they are`,
      "Unpack it, and pack it again without compression (zip -0).",
    );
  }
  const order = entries.get(`${root}byteorder`);
  if (order && order.bytes < 16 && (await file.read(order.offset, order.bytes)).toString() !== "little") {
    throw refused("its numbers are not little-endian", "Load it with torch, and save it as safetensors.");
  }
  if (pickle.bytes > LONGEST_PICKLE) {
    throw refused(`its data.pkl has ${pickle.bytes} bytes, more than tensors need`, "Save the weights alone.");
  }
  return {
    value: pickled(await file.read(pickle.offset, pickle.bytes), file.path),
    placeOf(storage) {
      const entry = entries.get(`${root}data/${storage.key}`);
      const bytes = storage.whole * storage.dtype.bytes;
      if (entry?.bytes === bytes) return entry.offset;
      const found = entry ? `has ${entry.bytes} bytes, not ${bytes}` : "is not there";
      throw refused(`its storage ${storage.key} ${found}`, "Download or save the checkpoint again.");
    },
  };
}

function pickled(bytes: Buffer, file: string): PickleValue {
  try {
    return unpickle(bytes, 0, torchNames, file).value;
  } catch (error) {
    if (!(error instanceof CutOff)) throw error;
    throw new RetemperError("BAD_INPUT", "its data.pkl is cut off", { file, hint: "Download the file again." });
  }
}
