// How files come to the hub: preupload, the LFS batch with one or many parts, and the commit that names them all.

import { randomBytes } from "node:crypto";
import { type Call, json, noRevision, type Reply, type Route, refuse, revisionOf, writable } from "../call.js";
import {
  type Commit,
  commit,
  type Kind,
  LARGE_NAMES,
  largeFile,
  md5,
  type Repository,
  regularFile,
  type StoredFile,
  sha256,
} from "../store.js";
import { signature } from "./files.js";
import { openPullRequest } from "./repositories.js";

export const uploads: Route = (call) => {
  if (call.method !== "POST") return undefined;
  const { pathname } = call.url;
  if (pathname === "/api/complete_multipart") return complete(call);
  const [, dataset, large = "", step] =
    /^\/(?:(datasets)\/)?([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/(batch|verify)$/.exec(pathname) ?? [];
  if (step !== undefined) {
    const repository = writable(call, (dataset ?? "models") as Kind, large);
    if ("status" in repository) return repository;
    return step === "batch" ? batch(call, repository) : verify(call, repository);
  }
  const [, kind, id = "", what, revision = ""] =
    /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(preupload|commit)\/([^/]+)$/.exec(pathname) ?? [];
  if (kind === undefined) return undefined;
  const repository = writable(call, kind as Kind, id);
  if ("status" in repository) return repository;
  const head = revisionOf(repository, revision);
  if (!head) return noRevision(decodeURIComponent(revision));
  if (what === "preupload") return preupload(call, head);
  return takeCommit(call, repository, decodeURIComponent(revision), head);
};

function preupload(call: Call, head: Commit): Reply {
  const asked = JSON.parse(call.body.toString()) as {
    files?: { path: string; size: number; sample: string }[];
    gitIgnore?: string;
  };
  if (!Array.isArray(asked.files)) return refuse(400, "files: expected an array");
  if (asked.files.length > 256) return refuse(413, "at most 256 files");
  const files = asked.files.map(({ path, size, sample }) => {
    const start = Buffer.from(sample, "base64");
    if (start.length > 512 || start.length !== Math.min(512, size)) throw new Error(`${path}: not its first 512 bytes`);
    const uploadMode = isLarge(call, path, size, start) ? "lfs" : "regular";
    const there = head.files.get(path);
    const oid = there && { oid: there.lfs?.sha256 ?? there.oid };
    return { path, uploadMode, shouldIgnore: ignored(path, asked.gitIgnore ?? ""), ...oid };
  });
  return json(200, { files });
}

const isLarge = ({ settings }: Call, path: string, size: number, start: Buffer) =>
  size >= settings.lfsFrom || LARGE_NAMES.test(path) || start.includes(0);

/** The plainest patterns of a .gitignore: a name, or a star and an ending. */
function ignored(path: string, rules: string): boolean {
  const name = path.split("/").at(-1) ?? "";
  return rules
    .split("\n")
    .some((rule) => rule !== "" && (rule.startsWith("*") ? name.endsWith(rule.slice(1)) : name === rule));
}

function batch(call: Call, repository: Repository): Reply {
  const lfs = "application/vnd.git-lfs+json";
  if (call.headers["content-type"] !== lfs || call.headers.accept !== lfs) return refuse(406, `expected ${lfs}`);
  const asked = JSON.parse(call.body.toString()) as {
    operation?: string;
    transfers?: string[];
    hash_algo?: string;
    objects?: { oid: string; size: number }[];
  };
  if (asked.operation !== "upload" || asked.hash_algo !== "sha256" || !asked.objects)
    return refuse(422, "not an upload");
  const inParts = asked.transfers?.includes("multipart") ?? false;
  const objects = asked.objects.map(({ oid, size }) => {
    if (!/^[0-9a-f]{64}$/.test(oid) || size === 0)
      return { oid, size, error: { code: 422, message: "invalid object" } };
    if (repository.objects.has(oid)) return { oid, size };
    const verify = { href: `${prefix(call, repository)}.git/info/lfs/objects/verify`, header: {} };
    const upload = inParts && size >= call.settings.partsFrom ? parts(call, oid, size) : whole(call, oid);
    return { oid, size, authenticated: true, actions: { upload, verify } };
  });
  return json(200, { transfer: inParts ? "multipart" : "basic", objects }, { "content-type": lfs });
}

const prefix = ({ home }: Call, { kind, id }: Repository) => `${home}/${kind === "datasets" ? "datasets/" : ""}${id}`;

const whole = ({ storage }: Call, oid: string) => ({ href: `${storage}/incoming/${oid}?${signature(oid)}` });

function parts({ storage, home, settings, store }: Call, oid: string, size: number) {
  const id = randomBytes(8).toString("hex");
  const { partSize } = settings;
  store.uploads.set(id, { oid, size, partSize, parts: new Map() });
  const header: Record<string, string> = { chunk_size: String(partSize) };
  for (let number = 1; number <= Math.ceil(size / partSize); number++) {
    const name = `${id}/${number}`;
    header[String(number).padStart(5, "0")] = `${storage}/parts/${name}?partNumber=${number}&${signature(name)}`;
  }
  return { href: `${home}/api/complete_multipart?uploadId=${id}&${signature(id)}`, header };
}

function complete(call: Call): Reply {
  const id = call.url.searchParams.get("uploadId") ?? "";
  const upload = call.store.uploads.get(id);
  if (!call.url.search.endsWith(signature(id))) return refuse(403, "Invalid signature");
  if (!upload) return refuse(404, "The specified upload does not exist.");
  const asked = JSON.parse(call.body.toString()) as { oid: string; parts: { partNumber: number; etag: string }[] };
  const expected = Math.ceil(upload.size / upload.partSize);
  const bytes = asked.parts.map(({ partNumber, etag }, at) => {
    const part = upload.parts.get(partNumber);
    return partNumber === at + 1 && part && etag === `"${md5(part)}"` ? part : undefined;
  });
  if (asked.oid !== upload.oid || bytes.length !== expected || bytes.some((part) => !part)) {
    return refuse(400, "One or more of the specified parts could not be found.");
  }
  const all = Buffer.concat(bytes as Buffer[]);
  call.store.uploads.delete(id);
  call.store.objects.set(`incoming ${upload.oid}`, all);
  return json(200, { success: true });
}

/** Only now an object counts as there: its bytes are what its name says. */
function verify(call: Call, repository: Repository): Reply {
  const { oid, size } = JSON.parse(call.body.toString()) as { oid: string; size: number };
  const bytes =
    call.store.objects.get(`incoming ${oid}`) ?? (repository.objects.has(oid) && call.store.objects.get(oid));
  if (!bytes) return refuse(404, "Object not found");
  if (bytes.length !== size || sha256(bytes) !== oid) {
    call.store.objects.delete(`incoming ${oid}`);
    return refuse(422, "The object's size or digest is not what was announced");
  }
  call.store.objects.set(oid, bytes);
  call.store.objects.delete(`incoming ${oid}`);
  repository.objects.add(oid);
  return json(200, {});
}

function takeCommit(call: Call, repository: Repository, revision: string, head: Commit): Reply {
  if (!/ndjson/.test(call.headers["content-type"] ?? "")) return refuse(400, "expected application/x-ndjson");
  if (repository.commits.has(revision)) return refuse(400, "a commit cannot be written to");
  const lines = call.body.toString().split("\n").filter(Boolean);
  const operations = lines.map((line) => JSON.parse(line) as { key: string; value: Record<string, string> });
  const header = operations.shift();
  const { summary, description = "", parentCommit } = header?.value ?? {};
  if (header?.key !== "header" || !summary) return refuse(400, '"header.summary" is required');
  const asRequest = call.url.searchParams.get("create_pr") === "1";
  if (parentCommit !== undefined && !asRequest && !head.sha.startsWith(parentCommit)) {
    return refuse(412, "A commit has happened since. Please refresh and try again.");
  }
  const files = new Map(head.files);
  for (const { key, value } of operations) {
    const problem = apply(call, repository, files, key, value);
    if (problem) return problem;
  }
  const request = asRequest ? openPullRequest(repository, summary, revision) : undefined;
  const made = commit(repository, request?.reference ?? revision, summary, description, files);
  const address = prefix(call, repository);
  return json(200, {
    success: true,
    commitOid: made.sha,
    commitUrl: `${address}/commit/${made.sha}`,
    hookOutput: "",
    ...(request && { pullRequestUrl: `${address}/discussions/${request.number}` }),
  });
}

/** One operation on the files of a commit; what is wrong with it, if it cannot be. */
function apply(
  call: Call,
  repository: Repository,
  files: Map<string, StoredFile>,
  key: string,
  value: Record<string, string>,
): Reply | undefined {
  const path = value.path ?? "";
  const parts = path.split("/");
  if (path === "" || parts.some((part) => ["", ".", "..", ".git"].includes(part)))
    return refuse(400, `bad path ${path}`);
  if (key === "file") {
    const bytes = Buffer.from(value.content ?? "", value.encoding === "base64" ? "base64" : "utf8");
    if (bytes.length > 0 && isLarge(call, path, bytes.length, bytes.subarray(0, 512))) {
      return refuse(
        400,
        `Your push was rejected because it contains files larger than 10 MB, or binary files: ${path}`,
      );
    }
    files.set(path, regularFile(bytes));
    return undefined;
  }
  if (key === "lfsFile") {
    const there = repository.objects.has(value.oid ?? "") && call.store.objects.get(value.oid ?? "");
    const told = value.size as unknown as number | undefined;
    if (value.algo !== "sha256" || !there || (told !== undefined && told !== there.length)) {
      return refuse(
        400,
        `Your push was rejected because an LFS pointer pointed to a file that does not exist: ${path}`,
      );
    }
    files.set(path, largeFile(value.oid ?? "", there.length));
    return undefined;
  }
  if (key === "deletedFile")
    return files.delete(path) ? undefined : refuse(404, `${path} does not exist`, "EntryNotFound");
  if (key === "deletedFolder") {
    for (const name of [...files.keys()]) if (name.startsWith(`${path}/`)) files.delete(name);
    return undefined;
  }
  return refuse(400, `unknown operation ${key}`);
}
