// The repository that is pushed to, as it is before: made where it does not exist, and private where that was asked for.

import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { isCommit } from "../snapshot.js";
import { type Answer, jsonBody } from "./message.js";
import { send } from "./send.js";
import { apiUrl, nameOf, type PushTarget } from "./target.js";

export interface RemoteState {
  /** The branch's commit. */
  readonly commit: string;
  /** Paths of its files. */
  readonly files: readonly string[];
  /** Whether the branch is to be made, from main. */
  readonly newBranch: boolean;
}

/**
 * @param asPrivate refuses a repository that everybody can read
 * @returns also whether the repository was made now
 * @throws RetemperError NETWORK; USAGE for a public repository where a private one was asked for
 */
export async function openRepository(
  target: PushTarget,
  asPrivate: boolean,
  settings: HubSettings,
): Promise<RemoteState & { readonly made: boolean }> {
  const found = await stateOf(target, settings, asPrivate);
  if (found) return { ...found, made: false };
  if (target.asRequest) {
    throw new RetemperError("NETWORK", `${nameOf(target)} does not exist, so nobody can ask to change it.`, {
      hint: "leave --pr out to make it",
    });
  }
  await makeRepository(target, asPrivate, settings);
  const made = await stateOf(target, settings, asPrivate);
  if (made) return { ...made, made: true };
  throw new RetemperError("NETWORK", `${settings.endpoint.host} made ${nameOf(target)} and does not show it.`, {
    hint: "try again; the token must also have the right to read it",
  });
}

/** Undefined where there is no such repository. */
async function stateOf(
  target: PushTarget,
  settings: HubSettings,
  asPrivate: boolean,
): Promise<RemoteState | undefined> {
  const what = `looking at ${nameOf(target)}`;
  const at = (revision: string) =>
    send(
      apiUrl(target, `revision/${encodeURIComponent(revision)}`, settings),
      { method: "GET", what, answers: [404] },
      settings,
    );
  let answer = await at(target.revision);
  const newBranch = missing(answer) === "revision";
  if (newBranch && /^refs\//.test(target.revision)) {
    throw new RetemperError("NETWORK", `${nameOf(target)} has no ${target.revision}.`, {
      hint: "--pr makes a new pull request",
    });
  }
  if (newBranch) answer = await at("main");
  if (answer.status === 404) return undefined;
  const value = answer.value as { sha?: unknown; private?: unknown; siblings?: { rfilename?: unknown }[] } | undefined;
  const files = value?.siblings?.map(({ rfilename }) => rfilename);
  if (typeof value?.sha !== "string" || !isCommit(value.sha) || !files?.every((one) => typeof one === "string")) {
    throw new RetemperError("NETWORK", `${settings.endpoint.host} does not say what ${nameOf(target)} holds.`, {
      hint: "HF_ENDPOINT must name a hub",
    });
  }
  if (asPrivate && value.private !== true) {
    throw new RetemperError("USAGE", `${nameOf(target)} is public, and --private was asked for: nothing was sent.`, {
      hint: "make it private in its settings on the hub, or choose another name",
    });
  }
  return { commit: value.sha, files: files as string[], newBranch };
}

function missing({ status, headers }: Answer): "revision" | undefined {
  return status === 404 && headers.get("x-error-code") === "RevisionNotFound" ? "revision" : undefined;
}

async function makeRepository(target: PushTarget, asPrivate: boolean, settings: HubSettings): Promise<void> {
  const [organization, name] = target.id.split("/");
  const text = JSON.stringify({
    ...{ name, organization, private: asPrivate },
    ...(target.kind === "datasets" && { type: "dataset" }),
  });
  const url = new URL("api/repos/create", settings.endpoint);
  const what = `making ${nameOf(target)}`;
  // 409: another run was faster, or the answer to an earlier attempt was lost.
  await send(url, { ...jsonBody(text), method: "POST", what, answers: [409] }, settings);
}

/** Makes the branch where main is. @throws RetemperError NETWORK */
export async function makeBranch(target: PushTarget, start: string, settings: HubSettings): Promise<void> {
  const url = apiUrl(target, `branch/${encodeURIComponent(target.revision)}`, settings);
  const text = JSON.stringify({ startingPoint: start });
  const what = `making the branch ${target.revision} of ${nameOf(target)}`;
  await send(url, { ...jsonBody(text), method: "POST", what, answers: [409] }, settings);
}
