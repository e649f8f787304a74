// One request to the test server, and its answer, as plain data: routes make the one of the other.

import type { IncomingHttpHeaders } from "node:http";
import type { Kind, Repository, Store, User } from "./store.js";
import { commitOf, key } from "./store.js";

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export interface Settings {
  /** From how many bytes on a file is stored as a large one; 10 MB on the real hub. */
  lfsFrom: number;
  /** From how many bytes on a large file is uploaded in parts, and how long these are. */
  partsFrom: number;
  partSize: number;
  /** Entries on a page of a tree; 1000 on the real hub. */
  pageSize: number;
  /** Small files are served after a relative redirect, as the real hub does it. */
  relativeRedirects: boolean;
}

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Who asks: undefined without a token, "unknown" with one that nobody has. */
  readonly user: User | "unknown" | undefined;
  readonly store: Store;
  readonly settings: Settings;
  /** Addresses of the two hosts, without a slash at the end. */
  readonly home: string;
  readonly storage: string;
}

export type Route = (call: Call) => Reply | undefined;

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  };
}

/** A refusal as the hub words it: in the body and in two headers. */
export function refuse(
  status: number,
  error: string,
  code?: string,
  more: Readonly<Record<string, string>> = {},
): Reply {
  return json(
    status,
    { error },
    { "x-error-message": error, ...(code !== undefined && { "x-error-code": code }), ...more },
  );
}

/** The repository, if the asker may read its listing; else what the hub answers in its place. */
export function readable(call: Call, kind: Kind, id: string): Repository | Reply {
  if (call.user === "unknown") return refuse(401, "Invalid credentials in Authorization header");
  const repository = call.store.repositories.get(key(kind, id));
  if (repository && (!repository.private || owns(call.user, id))) return repository;
  if (call.user === undefined) return refuse(401, "Invalid username or password.", "RepoNotFound");
  return refuse(404, "Repository not found", "RepoNotFound");
}

/** The same for writing: to its branches, or with a pull request. */
export function writable(call: Call, kind: Kind, id: string): Repository | Reply {
  const found = readable(call, kind, id);
  if ("status" in found) return found;
  if (call.user === undefined || call.user === "unknown") return refuse(401, "Invalid username or password.");
  if (!call.user.mayWrite) return refuse(403, "Your token has no permission to write: it only reads.");
  const asks =
    call.url.searchParams.get("create_pr") === "1" || /\/discussions|\.git\/info\/lfs\//.test(call.url.pathname);
  const toRequest = /\/(?:commit|preupload)\/refs(?:%2F|\/)pr(?:%2F|\/)\d+$/i.test(call.url.pathname);
  if (asks || toRequest || owns(call.user, id)) return found;
  return refuse(403, `You don't have the rights to write to ${id}.`);
}

export function owns(user: Call["user"], id: string): boolean {
  const owner = id.split("/")[0] ?? "";
  return typeof user === "object" && (user.name === owner || user.organisations.includes(owner));
}

export const noRevision = (revision: string): Reply => refuse(404, `Invalid rev id: ${revision}`, "RevisionNotFound");

export const revisionOf = (repository: Repository, encoded: string) =>
  commitOf(repository, decodeURIComponent(encoded));
