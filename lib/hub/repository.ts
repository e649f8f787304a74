// A repository on the hub: which commit a revision means, and which files it has there, with sizes and digests.

import { RetemperError } from "../errors.js";
import { hubJson } from "./request.js";
import type { HubSettings } from "./settings.js";
import { checkPath, isCommit } from "./snapshot.js";

export interface RepositoryName {
  readonly kind: "models" | "datasets";
  /** "org/name". */
  readonly id: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

export interface RemoteFile {
  /** In the repository. */
  readonly path: string;
  /** Undefined where the hub does not say it: mirrors may not. */
  readonly bytes?: number | undefined;
  /** sha256 of a large file, git's sha1 of a small one: the name of its blob in the cache. */
  readonly digest?: string | undefined;
}

export interface Repository extends RepositoryName {
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

/** sha256, or git's sha1. */
export const DIGEST = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** For messages: "the model org/name at main". */
export function nameOf({ kind, id, revision }: RepositoryName): string {
  return `the ${kind === "models" ? "model" : "data set"} ${id} at ${revision}`;
}

/** Where people see it, below the hub's address. */
export function pageOf({ kind, id }: Pick<RepositoryName, "kind" | "id">): string {
  return kind === "models" ? id : `datasets/${id}`;
}

/**
 * Asks the hub. The cache is not looked at.
 * @param sizes whether sizes and digests are asked for: of a data set with very many files that takes the hub long
 * @throws RetemperError NETWORK; BAD_INPUT for files whose paths lead out of the repository
 */
export async function askRepository(
  name: RepositoryName,
  settings: HubSettings,
  { sizes = false }: { readonly sizes?: boolean } = {},
): Promise<Repository> {
  const { kind, id, revision } = name;
  const path = `api/${kind}/${id}/revision/${encodeURIComponent(revision)}`;
  const url = new URL(sizes ? `${path}?blobs=true` : path, settings.endpoint);
  const what = nameOf(name);
  const answer = (await hubJson(url, { what, page: pageOf(name) }, settings)) as
    | { sha?: unknown; siblings?: readonly Sibling[] }
    | undefined;
  const { sha, siblings } = answer ?? {};
  const valid = Array.isArray(siblings) && siblings.every((one) => typeof one?.rfilename === "string");
  if (typeof sha !== "string" || !isCommit(sha) || !valid) {
    throw new RetemperError("NETWORK", `${url.host} does not say which files ${what} has.`, {
      hint: "HF_ENDPOINT must name a hub",
    });
  }
  const files = siblings.map(fileOf);
  for (const { path } of files) checkPath(path);
  return { ...name, commit: sha, files };
}

interface Sibling {
  readonly rfilename: string;
  readonly size?: unknown;
  readonly blobId?: unknown;
  readonly lfs?: { readonly sha256?: unknown; readonly size?: unknown } | null;
}

function fileOf({ rfilename, size, blobId, lfs }: Sibling): RemoteFile {
  const bytes = lfs?.size ?? size;
  const digest = lfs ? lfs.sha256 : blobId;
  return {
    path: rfilename,
    ...(Number.isSafeInteger(bytes) && (bytes as number) >= 0 && { bytes: bytes as number }),
    ...(typeof digest === "string" && DIGEST.test(digest) && { digest }),
  };
}

/** Where a file of a repository is had from. */
export function fileUrl(name: RepositoryName, path: string, { endpoint }: HubSettings): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`${pageOf(name)}/resolve/${encodeURIComponent(name.revision)}/${encoded}`, endpoint);
}
