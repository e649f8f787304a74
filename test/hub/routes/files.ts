// Contents of files: small ones from the hub itself, large ones from the other host by an address that is signed.

import { type Call, noRevision, owns, type Reply, type Route, readable, refuse, revisionOf } from "../call.js";
import { type Commit, type Kind, type Repository, type StoredFile, sha256 } from "../store.js";

const ROUTE = /^\/(?:(datasets)\/)?([^/]+\/[^/]+|[^/]+)\/resolve\/([^/]+)\/(.+)$/;
const DIRECT = /^\/api\/resolve-cache\/(models|datasets)\/([^/]+\/[^/]+)\/([0-9a-f]{40})\/(.+)$/;

export const files: Route = (call) => {
  const direct = DIRECT.exec(call.url.pathname);
  const [, kind = "models", id = "", encoded = "", rest = ""] = direct ?? ROUTE.exec(call.url.pathname) ?? [];
  if (id === "" || (call.method !== "GET" && call.method !== "HEAD")) return undefined;
  const renamed = call.store.renamed.get(id);
  if (renamed !== undefined) return { status: 307, headers: { location: call.url.pathname.replace(id, renamed) } };
  const repository = readable(call, kind as Kind, id);
  if ("status" in repository) return repository;
  const barred = gate(call, repository);
  if (barred) return barred;
  const commit = revisionOf(repository, encoded);
  if (!commit) return noRevision(decodeURIComponent(encoded));
  const path = rest.split("/").map(decodeURIComponent).join("/");
  const file = commit.files.get(path);
  if (!file) return refuse(404, "Entry not found", "EntryNotFound", { "x-repo-commit": commit.sha });
  if (file.lfs) return leadToStorage(call, commit, file, path);
  const headers = { etag: `"${file.oid}"`, "x-repo-commit": commit.sha, "accept-ranges": "bytes" };
  if (!direct && call.settings.relativeRedirects) {
    const location = `/api/resolve-cache/${kind}/${id}/${commit.sha}/${rest}?etag=${file.oid}`;
    return { status: 307, headers: { ...headers, "x-linked-size": String(file.size), location } };
  }
  return inRange(call, file.bytes ?? Buffer.alloc(0), { ...headers, "content-type": "text/plain; charset=utf-8" });
};

/** The listing of a gated repository is public, its files are for those who accepted its terms. */
function gate(call: Call, { gated, id }: Repository): Reply | undefined {
  if (!gated || owns(call.user, id)) return undefined;
  if (typeof call.user !== "object") {
    const text = `Access to model ${id} is restricted. You must have access to it and be authenticated to access it. Please log in.`;
    return refuse(401, text, "GatedRepo");
  }
  if (call.user.accepted.has(id)) return undefined;
  return refuse(403, `Access to model ${id} is restricted and you are not in the authorized list.`, "GatedRepo");
}

function leadToStorage(call: Call, commit: Commit, { lfs, oid }: StoredFile, path: string): Reply {
  const { sha256: digest = "", size = 0 } = lfs ?? {};
  const name = encodeURIComponent(path.split("/").at(-1) ?? "");
  return {
    status: 302,
    headers: {
      etag: `"${oid}"`,
      "x-repo-commit": commit.sha,
      "x-linked-etag": `"${digest}"`,
      "x-linked-size": String(size),
      "accept-ranges": "bytes",
      location: `${call.storage}/objects/${digest}?${signature(digest)}&response-content-disposition=${name}`,
    },
  };
}

/** What makes an address of the storage good; the same for whoever asks. */
export function signature(name: string): string {
  return `X-Amz-Expires=3600&X-Amz-Signature=${sha256(Buffer.from(`signed ${name}`))}`;
}

/** All of it, or the one range that is asked for: "bytes=5-", "bytes=5-9" or "bytes=-5". */
export function inRange(call: Call, bytes: Buffer, headers: Readonly<Record<string, string>>): Reply {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(call.headers.range ?? "") ?? [];
  if (first === undefined || last === undefined || first + last === "") return { status: 200, headers, body: bytes };
  const from = first === "" ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const to = first === "" || last === "" ? bytes.length : Math.min(bytes.length, Number(last) + 1);
  if (from >= bytes.length || from >= to) {
    return { status: 416, headers: { ...headers, "content-range": `bytes */${bytes.length}` } };
  }
  const range = `bytes ${from}-${to - 1}/${bytes.length}`;
  return { status: 206, headers: { ...headers, "content-range": range }, body: bytes.subarray(from, to) };
}
