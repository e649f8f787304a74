// One push from this machine to a repository at a time: two would send the same parts.

import { join } from "node:path";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { type KernelLock, kernelLock } from "../../output/tryLock.js";
import { waitFor } from "../../output/waitFor.js";
import type { HubSettings } from "../settings.js";
import { placeName } from "./placeName.js";
import { nameOf, type PushTarget } from "./target.js";

/**
 * Waits for the lock. Where there are no locks, nothing is waited for.
 * @throws RetemperError IO; the signal's reason
 */
export async function pushLock(
  target: PushTarget,
  journals: string,
  settings: HubSettings,
): Promise<KernelLock | undefined> {
  const file = join(journals, `${placeName(target, settings)}.lock`);
  const onWait = () => settings.note(`another run pushes to ${nameOf(target)}: waiting for it`);
  try {
    await makeFolder(journals);
    return await waitFor(() => kernelLock(file), { signal: settings.signal, onWait });
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw ioError(error, file, "cannot lock");
  }
}
