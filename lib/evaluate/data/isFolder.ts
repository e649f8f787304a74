// Whether a path that a user gave is a folder; what cannot be looked at is none, and whoever reads it says why.

import { stat } from "node:fs/promises";

export function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
