// The one commit of a push: it names all files, and is on the branch whole or not at all.

import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { isCommit } from "../snapshot.js";
import type { LargeFile } from "./lfsBatch.js";
import { jsonBody } from "./message.js";
import { sendOnce } from "./send.js";
import { apiUrl, nameOf, type PushTarget } from "./target.js";

export interface CommitContents {
  readonly message: string;
  readonly description: string;
  /** The commit that it follows: where the branch has another one meanwhile, nothing is done. */
  readonly parent: string;
  readonly small: readonly { readonly path: string; readonly content: Buffer }[];
  readonly large: readonly LargeFile[];
  readonly deleted: readonly string[];
}

export interface MadeCommit {
  readonly commit: string;
  /** Where people see it. */
  readonly url: string;
  /** Of the pull request. */
  readonly request: string | undefined;
}

/** "moved": the branch has a newer commit, and nothing was done; "unsure": nobody knows whether it was. */
export type CommitOutcome = MadeCommit | "moved" | { readonly unsure: string; readonly pause: number | undefined };

/** @throws RetemperError NETWORK where the hub refuses */
export async function makeCommit(
  { message, description, parent, small, large, deleted }: CommitContents,
  target: PushTarget,
  settings: HubSettings,
): Promise<CommitOutcome> {
  const lines: object[] = [
    { key: "header", value: { summary: message, description, parentCommit: parent } },
    ...deleted.map((path) => ({ key: "deletedFile", value: { path } })),
    ...small.map(({ path, content }) => {
      return { key: "file", value: { content: content.toString("base64"), path, encoding: "base64" } };
    }),
    ...large.map(({ path, sha256, bytes }) => {
      return { key: "lfsFile", value: { path, algo: "sha256", oid: sha256, size: bytes } };
    }),
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  const url = apiUrl(target, `commit/${encodeURIComponent(target.revision)}`, settings);
  if (target.asRequest) url.searchParams.set("create_pr", "1");
  const what = `committing to ${nameOf(target)}`;
  const request = { ...jsonBody(text, "application/x-ndjson"), method: "POST", what, answers: [409, 412] } as const;
  const answer = await sendOnce(url, request, settings);
  if ("problem" in answer) return { unsure: answer.problem, pause: answer.pause };
  if (answer.status >= 400) return "moved";
  const value = (answer.value ?? {}) as Record<string, unknown>;
  const { commitOid, commitUrl, pullRequestUrl } = value;
  if (
    typeof commitOid !== "string" ||
    !isCommit(commitOid) ||
    (target.asRequest && typeof pullRequestUrl !== "string")
  ) {
    throw new RetemperError("NETWORK", `${url.host} took the commit and does not say its name.`, {
      hint: `look at ${nameOf(target)} on the hub`,
    });
  }
  return {
    commit: commitOid,
    url: typeof commitUrl === "string" ? commitUrl : "",
    request: typeof pullRequestUrl === "string" ? pullRequestUrl : undefined,
  };
}
