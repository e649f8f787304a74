// Integers and booleans are copied, so all inputs must hold the same ones: compares them byte by byte.

import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import type { Operand } from "../plan/operands.js";
import type { DraftTensor } from "../plan/tensors.js";

/** Read at once; such tensors are small, but nothing bounds them. */
const PIECE = 8 << 20;

/** @throws RetemperError INCOMPATIBLE that names the tensor and the models that differ */
export async function refuseDifferentBuffers(
  tensors: readonly DraftTensor[],
  addon: Pick<Addon, "readBytes">,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { name, identical } of tensors) {
    const [first, ...others] = identical;
    if (!first) continue;
    for (const other of others) {
      for (let at = 0; at < first.tensor.stored.bytes; at += PIECE) {
        signal?.throwIfAborted();
        if (Buffer.compare(piece(first, at, addon), piece(other, at, addon)) === 0) continue;
        const models = [first, other].map(({ input }) => input.source.model.text).join(" and ");
        throw new RetemperError("INCOMPATIBLE", `the integers of ${name} differ between ${models}`, {
          tensor: name,
          hint: "integer and boolean tensors are copied and must be the same in all models",
        });
      }
    }
  }
}

function piece(
  { input: { checkpoint }, tensor: { stored, from } }: Operand,
  at: number,
  addon: Pick<Addon, "readBytes">,
) {
  const files = from === "model" ? checkpoint.files : (checkpoint.adapter?.files ?? []);
  const path = files[stored.file]?.path ?? "";
  return addon.readBytes(path, stored.offset + at, stored.offset + Math.min(at + PIECE, stored.bytes));
}
