// What a repository is and which files it has: /api/models/org/name, its trees, paths and references.

import { type Call, json, noRevision, type Reply, type Route, readable, refuse, revisionOf } from "../call.js";
import { type Commit, type Kind, pointerOf, type Repository, type StoredFile } from "../store.js";

const ROUTE = /^\/api\/(models|datasets)\/([^/]+\/[^/]+|[^/]+)(?:\/(revision|tree|paths-info|refs)(?:\/(.*))?)?$/;

export const listings: Route = (call) => {
  const [, kind, id = "", what, rest = ""] = ROUTE.exec(call.url.pathname) ?? [];
  if (kind === undefined) return undefined;
  const renamed = call.store.renamed.get(id);
  if (renamed !== undefined) {
    return { status: 307, headers: { location: call.url.pathname.replace(id, renamed) + call.url.search } };
  }
  const repository = readable(call, kind as Kind, id);
  if ("status" in repository) return repository;
  if (what === "refs") return json(200, referencesOf(repository));
  // A tree's address may go on after the revision with a folder; a revision's own slashes are encoded.
  const [revision = "main", ...folder] = rest === "" ? [] : rest.split("/");
  const commit = revisionOf(repository, revision);
  if (!commit) return noRevision(decodeURIComponent(revision));
  if (what === "tree") return treeOf(call, commit, folder.map(decodeURIComponent).join("/"));
  if (what === "paths-info") {
    const form = new URLSearchParams(call.body.toString());
    const wanted = call.headers["content-type"]?.includes("json")
      ? (JSON.parse(call.body.toString()).paths as string[])
      : form.getAll("paths");
    const found = wanted.flatMap((path) => {
      const file = commit.files.get(path);
      return file ? [entryOf(path, file)] : [];
    });
    return json(200, found);
  }
  return json(200, infoOf(call, repository, commit));
};

function infoOf(call: Call, repository: Repository, commit: Commit) {
  const blobs = call.url.searchParams.get("blobs") === "true" || call.url.searchParams.get("blobs") === "True";
  const siblings = [...commit.files].map(([rfilename, file]) => {
    if (!blobs) return { rfilename };
    const lfs = file.lfs && { sha256: file.lfs.sha256, size: file.lfs.size, pointerSize: pointerSize(file) };
    return { rfilename, size: file.size, blobId: file.oid, ...(lfs && { lfs }) };
  });
  return {
    _id: "65f0c0ffee",
    id: repository.id,
    ...(repository.kind === "models" && { modelId: repository.id }),
    author: repository.id.split("/")[0],
    sha: commit.sha,
    lastModified: "2026-01-02T03:04:05.000Z",
    createdAt: "2026-01-02T03:04:05.000Z",
    private: repository.private,
    gated: repository.gated ? "auto" : false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings: siblings.sort((a, b) => (a.rfilename < b.rfilename ? -1 : 1)),
  };
}

function treeOf(call: Call, commit: Commit, folder: string): Reply {
  const prefix = folder === "" ? "" : `${folder}/`;
  const recursive = /^true$/i.test(call.url.searchParams.get("recursive") ?? "");
  const entries = new Map<string, unknown>();
  for (const [path, file] of commit.files) {
    if (!path.startsWith(prefix)) continue;
    const parts = path.slice(prefix.length).split("/");
    for (let depth = 1; depth < parts.length && (recursive || depth === 1); depth++) {
      const name = prefix + parts.slice(0, depth).join("/");
      entries.set(name, { type: "directory", oid: "0".repeat(40), size: 0, path: name });
    }
    if (parts.length === 1 || recursive) entries.set(path, entryOf(path, file));
  }
  if (entries.size === 0 && folder !== "") return refuse(404, `${folder} does not exist`, "EntryNotFound");
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  const from = Number(call.url.searchParams.get("cursor") ?? 0);
  const most = Math.min(Number(call.url.searchParams.get("limit") ?? 1000), call.settings.pageSize);
  const page = sorted.slice(from, from + most);
  const next = new URL(call.url.pathname + call.url.search, call.home);
  next.searchParams.set("cursor", String(from + most));
  const link = from + most < sorted.length ? { link: `<${next}>; rel="next"` } : undefined;
  return json(200, page, link);
}

function entryOf(path: string, file: StoredFile) {
  const lfs = file.lfs && { oid: file.lfs.sha256, size: file.lfs.size, pointerSize: pointerSize(file) };
  return { type: "file", oid: file.oid, size: file.size, path, ...(lfs && { lfs }) };
}

function pointerSize({ lfs }: StoredFile): number | undefined {
  return lfs && pointerOf(lfs.sha256, lfs.size).length;
}

function referencesOf({ references }: Repository) {
  const all = [...references].map(([name, targetCommit]) => ({ name, ref: `refs/heads/${name}`, targetCommit }));
  const requests = all.filter(({ name }) => name.startsWith("refs/pr/"));
  return {
    branches: all.filter((reference) => !requests.includes(reference)),
    converts: [],
    tags: [],
    pullRequests: requests.map(({ name, targetCommit }) => ({ name, ref: name, targetCommit })),
  };
}
