// Parts of a file on the hub, by range requests: what headers say, without what lies between them.

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

/**
 * The bytes of a file from an offset on, as many as there are up to `length`.
 * @throws RetemperError NETWORK, also from a server that knows no ranges
 */
export async function filePart(
  repository: Repository,
  { path }: RemoteFile,
  { offset, length }: { readonly offset: number; readonly length: number },
  settings: HubSettings,
): Promise<Buffer> {
  const pinned = { ...repository, revision: repository.commit };
  const asked = {
    headers: { range: `bytes=${offset}-${offset + length - 1}` },
    what: `${path} of ${nameOf(repository)}`,
    page: pageOf(repository),
  };
  return hubBytes(fileUrl(pinned, path, settings), { ...asked, most: length, partial: true }, settings);
}

/** Its size, asked for where the listing did not say it. */
export async function fileSize(repository: Repository, file: RemoteFile, settings: HubSettings): Promise<number> {
  if (file.bytes !== undefined) return file.bytes;
  return (await headOf({ ...repository, revision: repository.commit }, file.path, settings)).bytes ?? 0;
}
