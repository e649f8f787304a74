// What the hub says of each file before it is sent: whether it is kept as a large file, ignored, or there already.

import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { type PushFile, sampleOf } from "./files.js";
import { jsonBody } from "./message.js";
import { send } from "./send.js";
import { apiUrl, nameOf, type PushTarget } from "./target.js";

export interface Advice {
  /** Through LFS, by its sha256; else within the commit. */
  readonly large: boolean;
  /** By the repository's .gitignore. */
  readonly ignored: boolean;
  /** The digest of what has this path now: sha256 of a large file, git's sha1 of a small one. */
  readonly there: string | undefined;
}

/** The most that the hub takes in one request. */
const GROUP = 256;
const SAMPLE_BYTES = 512;
/** What is larger is never put into a commit, whatever the hub says. */
const LARGEST_SMALL = 10 * 2 ** 20;

/**
 * By path.
 * @param revision the branch, tag or pull request whose files are compared
 * @throws RetemperError NETWORK
 */
export async function preupload(
  files: readonly PushFile[],
  target: PushTarget,
  revision: string,
  settings: HubSettings,
): Promise<ReadonlyMap<string, Advice>> {
  const advice = new Map<string, Advice>();
  const url = apiUrl(target, `preupload/${encodeURIComponent(revision)}`, settings);
  if (target.asRequest) url.searchParams.set("create_pr", "1");
  for (let from = 0; from < files.length; from += GROUP) {
    const asked = [];
    for (const file of files.slice(from, from + GROUP)) {
      const sample = (await sampleOf(file, SAMPLE_BYTES)).toString("base64");
      asked.push({ path: file.path, size: file.bytes, sample });
    }
    const what = `pushing to ${nameOf(target)}`;
    const text = JSON.stringify({ files: asked });
    const { value } = await send(url, { ...jsonBody(text), method: "POST", what }, settings);
    const answers = (value as { files?: unknown } | undefined)?.files;
    for (const one of Array.isArray(answers) ? answers : []) {
      const { path, uploadMode, shouldIgnore, oid } = (one ?? {}) as Record<string, unknown>;
      if (typeof path !== "string" || (uploadMode !== "lfs" && uploadMode !== "regular")) continue;
      const there = typeof oid === "string" ? oid : undefined;
      advice.set(path, { large: uploadMode === "lfs", ignored: shouldIgnore === true, there });
    }
  }
  for (const { path, bytes } of files) {
    const one = advice.get(path);
    if (!one) {
      throw new RetemperError("NETWORK", `${url.host} does not say how ${path} is to be sent.`, {
        hint: "HF_ENDPOINT must name a hub",
      });
    }
    // LFS has no empty objects.
    advice.set(path, { ...one, large: bytes > 0 && (one.large || bytes > LARGEST_SMALL) });
  }
  return advice;
}
