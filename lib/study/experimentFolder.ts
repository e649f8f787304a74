// Where the run of one task with one model lies in a study's folder.

import { join } from "node:path";

export function experimentFolder(
  out: string,
  { task, model }: { readonly task: string; readonly model: string },
): string {
  return join(out, "experiments", model, task);
}
