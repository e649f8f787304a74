// Making things: repositories, branches and pull requests.

import { parse } from "yaml";
import { json, type Route, readable, refuse, revisionOf, writable } from "../call.js";
import { type Kind, key, newRepository, type PullRequest, type Repository } from "../store.js";

export const repositories: Route = (call) => {
  const { pathname } = call.url;
  if (pathname === "/api/whoami-v2") {
    if (typeof call.user !== "object") return refuse(401, "Invalid username or password.");
    const orgs = call.user.organisations.map((name) => ({ name, roleInOrg: "write" }));
    const role = call.user.mayWrite ? "write" : "read";
    return json(200, { type: "user", name: call.user.name, orgs, auth: { accessToken: { role } } });
  }
  if (pathname === "/api/validate-yaml" && call.method === "POST") {
    const { content = "" } = JSON.parse(call.body.toString()) as { content?: string };
    const errors = cardErrors(content).map((message) => ({ message }));
    return json(errors.length > 0 ? 400 : 200, { errors, warnings: [] });
  }
  if (pathname === "/api/repos/create" && call.method === "POST") {
    const asked = JSON.parse(call.body.toString()) as Record<string, unknown>;
    if (call.user === undefined || call.user === "unknown") return refuse(401, "Invalid username or password.");
    const owner = String(asked.organization ?? call.user.name);
    const id = `${owner}/${asked.name}`;
    const kind: Kind = asked.type === "dataset" ? "datasets" : "models";
    const url = `${call.home}/${kind === "datasets" ? "datasets/" : ""}${id}`;
    if (!call.user.mayWrite || (owner !== call.user.name && !call.user.organisations.includes(owner))) {
      return refuse(403, `You don't have the rights to create a model under the namespace "${owner}"`);
    }
    if (typeof asked.name !== "string" || !/^(?!.*(?:--|\.\.))[A-Za-z0-9._-]{1,96}$/.test(asked.name)) {
      return refuse(400, `Invalid repo name: ${id}`);
    }
    if (call.store.repositories.has(key(kind, id))) {
      return json(409, { error: "You already created this model repo", url, id });
    }
    const repository = newRepository(kind, id);
    repository.private = asked.visibility === "private" || asked.private === true;
    call.store.repositories.set(key(kind, id), repository);
    return json(200, { url, name: id, id: "65f0c0ffee" });
  }
  const [, kind, id = "", what, rest] =
    /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(branch|discussions)(?:\/(.+))?$/.exec(pathname) ?? [];
  if (kind === undefined) return undefined;
  if (what === "discussions" && call.method === "GET") {
    const repository = readable(call, kind as Kind, id);
    if ("status" in repository) return repository;
    const found = repository.pullRequests.find(({ number }) => String(number) === rest);
    return found ? json(200, detailsOf(repository, found)) : refuse(404, "Discussion not found");
  }
  const repository = writable(call, kind as Kind, id);
  if ("status" in repository) return repository;
  const asked = JSON.parse(call.body.toString() || "{}") as Record<string, unknown>;
  if (what === "branch") {
    const name = decodeURIComponent(rest ?? "");
    if (repository.references.has(name)) return refuse(409, `Reference already exists: ${name}`);
    const start = revisionOf(repository, encodeURIComponent(String(asked.startingPoint ?? "main")));
    if (!start) return refuse(404, "Invalid starting point", "RevisionNotFound");
    repository.references.set(name, start.sha);
    return json(200, {});
  }
  if (String(asked.title ?? "").length < 3) return refuse(400, "a title has three characters or more");
  const made = openPullRequest(repository, String(asked.title), "main");
  return json(200, { num: made.number, url: `${call.home}/${id}/discussions/${made.number}`, pullRequest: true });
};

/** What the hub does not take of a card's front matter: what is no YAML, and a license that is no name. */
function cardErrors(text: string): string[] {
  const [, front] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text) ?? [];
  try {
    const { license = "" } = (parse(front ?? "") ?? {}) as { license?: unknown };
    return [license].flat().every((one) => typeof one === "string") ? [] : ['"license" must be a string'];
  } catch (error) {
    return [String(error)];
  }
}

/** A pull request whose branch begins where `base` is. */
export function openPullRequest(repository: Repository, title: string, base: string): PullRequest {
  const number = repository.pullRequests.length + 1;
  const made = { number, title, reference: `refs/pr/${number}` };
  repository.pullRequests.push(made);
  repository.references.set(made.reference, repository.references.get(base) ?? base);
  return made;
}

function detailsOf(repository: Repository, { number, title }: PullRequest) {
  return {
    title,
    num: number,
    author: { name: "writer" },
    createdAt: "2026-01-02T03:04:05.000Z",
    status: "draft",
    repo: { name: repository.id, type: repository.kind.slice(0, -1) },
    isPullRequest: true,
    changes: { base: "refs/heads/main" },
    filesWithConflicts: [],
    events: [],
  };
}
