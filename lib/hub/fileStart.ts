// The beginning of a file on the hub, by range requests: what a header says, without what follows it.

import { headOf } from "./download.js";
import { fileUrl, nameOf, pageOf, type RemoteFile, type Repository } from "./repository.js";
import { hubBytes } from "./request.js";
import type { HubSettings } from "./settings.js";

/**
 * The first bytes of a file, as many as there are up to `length`. A server that knows no ranges is read no further.
 * @throws RetemperError NETWORK
 */
export async function fileStart(
  repository: Repository,
  { path }: RemoteFile,
  length: number,
  settings: HubSettings,
): Promise<Buffer> {
  const pinned = { ...repository, revision: repository.commit };
  const what = `${path} of ${nameOf(repository)}`;
  const headers = { range: `bytes=0-${length - 1}` };
  return hubBytes(fileUrl(pinned, path, settings), { headers, what, page: pageOf(repository), most: length }, settings);
}

/** Its size, asked for where the listing did not say it. */
export async function fileSize(repository: Repository, file: RemoteFile, settings: HubSettings): Promise<number> {
  if (file.bytes !== undefined) return file.bytes;
  return (await headOf({ ...repository, revision: repository.commit }, file.path, settings)).bytes ?? 0;
}
