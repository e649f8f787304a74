// Git LFS's batch: which large files the hub has, and where the others are to be sent, whole or in parts.

import { RetemperError } from "../../errors.js";
import { type HubSettings, PUBLIC_HUB } from "../settings.js";
import { jsonBody } from "./message.js";
import { send } from "./send.js";
import { nameOf, type PushTarget, pageUrl } from "./target.js";
import type { Upload } from "./uploadJournal.js";

export interface LargeFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where a file is to be sent; "there" where the hub has it. */
export type Way = "there" | WholeUpload | Upload;

export interface WholeUpload {
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly verify: string | undefined;
}

/** The type of all that is said of large files. */
export const LFS = "application/vnd.git-lfs+json";
const GROUP = 100;

/**
 * Ways by sha256.
 * @throws RetemperError NETWORK
 */
export async function lfsBatch(
  files: readonly LargeFile[],
  target: PushTarget,
  settings: HubSettings,
): Promise<ReadonlyMap<string, Way>> {
  const ways = new Map<string, Way>();
  const url = pageUrl(target, ".git/info/lfs/objects/batch", settings);
  for (let from = 0; from < files.length; from += GROUP) {
    const group = files.slice(from, from + GROUP);
    const text = JSON.stringify({
      operation: "upload",
      transfers: ["basic", "multipart"],
      objects: group.map(({ sha256, bytes }) => ({ oid: sha256, size: bytes })),
      hash_algo: "sha256",
      ref: { name: target.revision },
    });
    const { headers, body } = jsonBody(text, LFS);
    const request = { method: "POST", headers: { ...headers, accept: LFS }, body } as const;
    const { value } = await send(url, { ...request, what: `pushing to ${nameOf(target)}` }, settings);
    const answers = (value as { objects?: unknown } | undefined)?.objects;
    const objects = new Map((Array.isArray(answers) ? answers : []).map((one) => [one?.oid, one as LfsObject]));
    for (const file of group) ways.set(file.sha256, wayOf(file, objects.get(file.sha256), settings));
  }
  return ways;
}

interface LfsObject {
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  readonly actions?: {
    readonly upload?: { readonly href?: unknown; readonly header?: Readonly<Record<string, unknown>> };
    readonly verify?: { readonly href?: unknown };
  };
}

function wayOf({ path, bytes }: LargeFile, object: LfsObject | undefined, settings: HubSettings): Way {
  const { host } = settings.endpoint;
  const bad = (why: string) =>
    new RetemperError("NETWORK", `${host} does not say where ${path} is to be sent: ${why}.`, {
      hint: "HF_ENDPOINT must name a hub that takes uploads by Git LFS",
    });
  if (!object) throw bad("it has no answer for it");
  if (object.error) {
    const { code, message } = object.error;
    throw new RetemperError("NETWORK", `${host} refuses ${path}: ${code} (${String(message).slice(0, 300)}).`);
  }
  if (!object.actions?.upload) return "there";
  const { href, header = {} } = object.actions.upload;
  const verify = object.actions.verify && addressOf(object.actions.verify.href, settings);
  const address = addressOf(href, settings);
  if (address === undefined) throw bad("no address");
  const texts = Object.entries(header).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  if (header.chunk_size === undefined) {
    // What belongs to the connection is not the hub's to say.
    const headers = texts.filter(([name]) => !/^(?:host|content-length|transfer-encoding|connection)$/i.test(name));
    return { address, headers: Object.fromEntries(headers), verify };
  }
  const partBytes = Number(header.chunk_size);
  const numbered = texts
    .filter(([name]) => /^\d+$/.test(name))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, part]) => addressOf(part, settings));
  const whole = Number.isSafeInteger(partBytes) && partBytes > 0 && numbered.length === Math.ceil(bytes / partBytes);
  if (!whole || numbered.includes(undefined)) throw bad("its parts do not make up the file");
  return { complete: address, verify, partBytes, addresses: numbered as string[] };
}

/** The hub names itself by its public address, also behind a mirror. */
function addressOf(href: unknown, { endpoint }: HubSettings): string | undefined {
  if (typeof href !== "string" || !URL.canParse(href)) return undefined;
  const url = new URL(href);
  if (!/^https?:$/.test(url.protocol) || (endpoint.protocol === "https:" && url.protocol !== "https:"))
    return undefined;
  if (url.origin !== PUBLIC_HUB || endpoint.origin === PUBLIC_HUB) return href;
  return new URL(url.pathname.slice(1) + url.search, endpoint).href;
}
