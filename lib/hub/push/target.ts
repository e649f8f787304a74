// Where a push goes: a repository, a branch of it, and the addresses that the hub has for both.

import { RetemperError } from "../../errors.js";
import { isRepositoryName } from "../repositoryName.js";
import type { HubSettings } from "../settings.js";
import { isCommit } from "../snapshot.js";

export interface PushTarget {
  readonly kind: "models" | "datasets";
  /** "org/name". */
  readonly id: string;
  /** A branch, or refs/pr/N. */
  readonly revision: string;
  /** As a new pull request, which begins where `revision` is. */
  readonly asRequest: boolean;
}

/** @throws RetemperError USAGE for what the hub has no repository or branch for */
export function checkTarget({ id, revision, asRequest }: PushTarget): void {
  if (!isRepositoryName(id)) {
    throw new RetemperError("USAGE", `${JSON.stringify(id)} is not the name of a repository on the hub.`, {
      hint: "write ORG/NAME, where ORG is your account or an organisation that you may write to",
    });
  }
  if (isCommit(revision) || !/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.includes("..")) {
    throw new RetemperError("USAGE", `${JSON.stringify(revision)} is not a branch: nothing can be pushed to it.`, {
      hint: "give the name of a branch, which is made where it does not exist, or refs/pr/N of a pull request that is open",
    });
  }
  if (asRequest && revision !== "main") {
    throw new RetemperError("USAGE", "a pull request begins at main: --pr and --revision do not go together.", {
      hint: "leave one of them out; --revision refs/pr/N adds to a pull request that is open",
    });
  }
}

/** For messages: "the model org/name". */
export const nameOf = ({ kind, id }: PushTarget) => `the ${kind === "models" ? "model" : "data set"} ${id}`;

/** `api/models/org/name/<rest>`. */
export function apiUrl({ kind, id }: PushTarget, rest: string, { endpoint }: HubSettings): URL {
  return new URL(`api/${kind}/${id}${rest === "" ? "" : `/${rest}`}`, endpoint);
}

/** Where people see it, and where git's addresses begin. */
export function pageUrl({ kind, id }: PushTarget, rest: string, { endpoint }: HubSettings): URL {
  return new URL(`${kind === "models" ? "" : "datasets/"}${id}${rest}`, endpoint);
}
