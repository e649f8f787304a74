// The pull requests of a repository: to find the one whose making was not answered.

import type { HubSettings } from "../settings.js";
import { send } from "./send.js";
import { apiUrl, nameOf, type PushTarget } from "./target.js";

export interface PullRequest {
  /** refs/pr/N. */
  readonly reference: string;
  readonly commit: string;
}

/** @throws RetemperError NETWORK */
export async function pullRequests(target: PushTarget, settings: HubSettings): Promise<PullRequest[]> {
  const url = apiUrl(target, "refs?include_prs=1", settings);
  const { value } = await send(url, { method: "GET", what: `looking at ${nameOf(target)}` }, settings);
  const found = (value as { pullRequests?: unknown } | undefined)?.pullRequests;
  return (Array.isArray(found) ? found : []).flatMap((one) => {
    const { ref, targetCommit } = (one ?? {}) as Record<string, unknown>;
    return typeof ref === "string" && typeof targetCommit === "string"
      ? [{ reference: ref, commit: targetCommit }]
      : [];
  });
}
