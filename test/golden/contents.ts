// Safetensors files as values that tests compare.

import { loadAddon } from "../../lib/addon/load.js";

/** Every tensor of a file: dtype, shape, bytes as hexadecimal. */
export function contents(path: string): Record<string, readonly [string, readonly number[], string]> {
  const addon = loadAddon();
  const header = addon.readHeader(path);
  return Object.fromEntries(
    header.names.map((name, i) => {
      const bytes = addon.readBytes(path, header.begins[i] as number, header.ends[i] as number);
      const shape = header.shapes[i] as readonly number[];
      return [name, [header.dtypes[i] as string, shape, Buffer.from(bytes).toString("hex")]];
    }),
  );
}
