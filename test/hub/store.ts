// What the test server of the hub's API keeps: repositories with their commits, and the large objects that they point to.

import { createHash } from "node:crypto";

export type Kind = "models" | "datasets";

/** A file of a commit: its bytes, or what its LFS pointer says. */
export interface StoredFile {
  readonly bytes?: Buffer;
  readonly lfs?: { readonly sha256: string; readonly size: number };
  /** git's name of it: of the bytes, or of the pointer. */
  readonly oid: string;
  readonly size: number;
}

export interface Commit {
  readonly sha: string;
  readonly parent: string | undefined;
  readonly message: string;
  readonly description: string;
  readonly files: ReadonlyMap<string, StoredFile>;
}

export interface PullRequest {
  readonly number: number;
  readonly title: string;
  readonly reference: string;
}

export interface Repository {
  readonly kind: Kind;
  readonly id: string;
  private: boolean;
  gated: boolean;
  readonly commits: Map<string, Commit>;
  /** Commits by name: branches, tags, refs/pr/N. */
  readonly references: Map<string, string>;
  readonly pullRequests: PullRequest[];
  /** sha256 of the large objects that were uploaded for it. */
  readonly objects: Set<string>;
}

export interface User {
  readonly name: string;
  /** Whose repositories it may write, beside its own. */
  readonly organisations: readonly string[];
  /** Whether its token may write at all. */
  readonly mayWrite: boolean;
  /** Ids of gated repositories whose terms it has accepted. */
  readonly accepted: Set<string>;
}

/** One multipart upload: its parts by number. */
export interface Upload {
  readonly oid: string;
  readonly size: number;
  readonly partSize: number;
  readonly parts: Map<number, Buffer>;
}

export interface Store {
  readonly repositories: Map<string, Repository>;
  /** Old ids that lead to new ones. */
  readonly renamed: Map<string, string>;
  /** By token. */
  readonly users: Map<string, User>;
  /** Large objects by sha256, wherever they belong. */
  readonly objects: Map<string, Buffer>;
  readonly uploads: Map<string, Upload>;
}

export const key = (kind: Kind, id: string) => `${kind}/${id}`;

export const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** git's name of a blob. */
export const gitOid = (bytes: Buffer) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

export const md5 = (bytes: Buffer) => createHash("md5").update(bytes).digest("hex");

export function regularFile(bytes: Buffer): StoredFile {
  return { bytes, oid: gitOid(bytes), size: bytes.length };
}

export function largeFile(digest: string, size: number): StoredFile {
  return { lfs: { sha256: digest, size }, oid: gitOid(pointerOf(digest, size)), size };
}

export function pointerOf(digest: string, size: number): Buffer {
  return Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${digest}\nsize ${size}\n`);
}

/** What the hub stores as large files by itself, whatever their size. */
export const LARGE_NAMES = /\.(safetensors|bin|pt|pth|ckpt|gguf|onnx|parquet|npz|zip|h5|msgpack|model)$/;

export function newRepository(kind: Kind, id: string): Repository {
  const repository: Repository = {
    kind,
    id,
    private: false,
    gated: false,
    commits: new Map(),
    references: new Map(),
    pullRequests: [],
    objects: new Set(),
  };
  const attributes = regularFile(Buffer.from("*.safetensors filter=lfs diff=lfs merge=lfs -text\n"));
  commit(repository, "main", "initial commit", "", new Map([[".gitattributes", attributes]]));
  return repository;
}

/** A new commit on a reference; its name follows from all that it holds, so it is the same in each run. */
export function commit(
  repository: Repository,
  reference: string,
  message: string,
  description: string,
  files: ReadonlyMap<string, StoredFile>,
): Commit {
  const parent = repository.references.get(reference);
  const names = [...files].map(([path, { oid }]) => `${path} ${oid}`).sort();
  const text = JSON.stringify([repository.kind, repository.id, parent, message, description, names]);
  const sha = createHash("sha1").update(text).digest("hex");
  const made: Commit = { sha, parent, message, description, files };
  repository.commits.set(sha, made);
  repository.references.set(reference, sha);
  return made;
}

/** The commit that a branch, a tag, a pull request or a whole commit's name means. */
export function commitOf(repository: Repository, revision: string): Commit | undefined {
  return repository.commits.get(repository.references.get(revision) ?? revision);
}
