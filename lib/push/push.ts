// `push`: a model, an adapter or a report to a repository of the hub, by one commit.

import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { ownCache } from "../files/ownCache.js";
import { readTextAtMost } from "../files/readAtMost.js";
import type { PushFile } from "../hub/push/files.js";
import { type PushedFile, pushFiles } from "../hub/push/pushFiles.js";
import { checkTarget, type PushTarget } from "../hub/push/target.js";
import { type HubOptions, hubSettings } from "../hub/settings.js";
import { checkPath } from "../hub/snapshot.js";
import { checkCard, reportCard } from "./card.js";
import { checkQuotes } from "./checkQuotes.js";
import { type Checked, checkWhole } from "./checkWhole.js";
import { type Contents, contentsOf, type PushedKind } from "./contents.js";
import { type PushProgress, progressOf } from "./pushProgress.js";
import { sizeOf } from "./sizeOf.js";

export interface PushOptions {
  /** A new repository is private; one that exists must be. */
  readonly private?: boolean | undefined;
  /** Branch; "main" by default, and made where it does not exist. "refs/pr/N" adds to an open pull request. */
  readonly revision?: string | undefined;
  /** Opens a pull request instead of committing to main. */
  readonly pullRequest?: boolean | undefined;
  /** First line of the commit's message. */
  readonly message?: string | undefined;
  readonly description?: string | undefined;
  /** Kind of the repository; "dataset" for reports by default, else "model". */
  readonly kind?: "model" | "dataset" | undefined;
  /** Folder of the repository that it goes to; its root by default. */
  readonly into?: string | undefined;
  /** Checks and lists, and sends nothing. */
  readonly dryRun?: boolean | undefined;
  /** Address, token and notes; offline nothing can be pushed. */
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PushProgress) => void) | undefined;
}

export interface PushReport {
  readonly what: PushedKind;
  /** "org/name". */
  readonly repository: string;
  readonly kind: "model" | "dataset";
  readonly revision: string;
  /** Absent with `dryRun`. */
  readonly commit?: string | undefined;
  readonly commitUrl?: string | undefined;
  /** Address of the pull request. */
  readonly pullRequest?: string | undefined;
  /** Whether the repository was made now. */
  readonly made: boolean;
  readonly files: readonly (Omit<PushedFile, "state"> & { readonly state: PushedFile["state"] | "would be sent" })[];
  /** Files of the repository that the commit took away, because they would be loaded in place of these. */
  readonly deleted: readonly string[];
  /** What lies in the folder and was not pushed. */
  readonly leftOut: Contents["leftOut"];
  /** Of all files. */
  readonly bytes: number;
  /** Of large files, that went out now. */
  readonly sentBytes: number;
  readonly warnings: readonly string[];
}

/**
 * Pushes the folder of a model or an adapter, a run's report, or a report's one file. Before anything is sent, the headers of
 * all weights are read, and sizes and digests compared with the record that a merge left. The files become visible by one
 * commit: on any failure the repository has none of them. A push that broke is gone on with by the same call: parts of large
 * files that are there are not sent again. Nothing but the hub's own address gets the token.
 * @param repository "org/name"; made where it does not exist
 * @throws RetemperError USAGE for names that are none, and a public repository where a private one was asked for; BAD_INPUT for
 *   what is torn, or changes meanwhile; NETWORK; IO
 * @example
 * ```ts
 * import { push } from "retemper";
 *
 * const { commitUrl, sentBytes } = await push("out", "org/name", { private: true });
 * console.log(commitUrl, sentBytes);
 * ```
 */
export async function push(out: string, repository: string, options: PushOptions = {}): Promise<PushReport> {
  options.signal?.throwIfAborted();
  const contents = await contentsOf(out);
  const kind = options.kind ?? (contents.what === "report" ? "dataset" : "model");
  const target: PushTarget = {
    kind: kind === "model" ? "models" : "datasets",
    id: repository,
    revision: options.revision ?? "main",
    asRequest: options.pullRequest ?? false,
  };
  checkTarget(target);
  const checked = await checkWhole(contents);
  const files = await filesOf(contents, options);
  const common = {
    ...{ what: contents.what, repository, kind, revision: target.revision, leftOut: contents.leftOut },
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    warnings: [
      ...checked.warnings,
      ...(await checkCard(contents.files.get("README.md"), contents.what)),
      ...(await checkQuotes(contents)),
    ],
  };
  if (options.dryRun) {
    const listed = files.map(({ path, bytes }) => ({ path, bytes, state: "would be sent" as const }));
    return { ...common, files: listed, deleted: [], sentBytes: 0, made: false };
  }
  const settings = await hubSettings({ ...options.hub, signal: options.signal ?? options.hub?.signal });
  const pushed = await pushFiles(
    files,
    target,
    {
      private: options.private ?? false,
      message: options.message ?? `Upload ${contents.what} with Retemper`,
      description: options.description ?? "",
      replaces: replacedBy(contents, options),
      check: (digests) => compareWithRecord(digests, checked, contents, options),
      journals: join(ownCache({ env: options.hub?.env }), "uploads"),
      progress: progressOf(options.onProgress),
    },
    settings,
  );
  const { request, ...made } = pushed;
  return { ...common, ...made, ...(request !== undefined && { pullRequest: request }) };
}

async function filesOf({ what, files }: Contents, options: PushOptions): Promise<PushFile[]> {
  const all: PushFile[] = [];
  for (const [path, source] of files) {
    all.push({ path: placed(path, options), bytes: await sizeOf(source), source });
  }
  if (what !== "report" || options.into !== undefined || files.has("README.md")) return all;
  const markdown = files.get("report.md");
  const text = markdown && (await readTextAtMost(markdown, { most: 2 ** 26, what: "a report" }));
  const card = Buffer.from(reportCard(text, [...files.keys()].find((path) => path.endsWith(".html")) ?? ""));
  return [...all, { path: "README.md", bytes: card.length, source: card, unlessThere: true }];
}

/** The path in the repository. @throws RetemperError BAD_INPUT for a folder that leads out */
function placed(path: string, { into }: PushOptions): string {
  if (into === undefined) return path;
  const folder = into.replace(/\/+$/, "");
  checkPath(folder);
  return `${folder}/${path}`;
}

const OWN_WEIGHTS: Readonly<Record<PushedKind, RegExp | undefined>> = {
  model: /^model(-\d{5}-of-\d{5})?\.safetensors$|^model\.safetensors\.index\.json$/,
  adapter: /^adapter_model(-\d{5}-of-\d{5})?\.safetensors$|^adapter_model\.safetensors\.index\.json$/,
  report: undefined,
};

/**
 * Loaders take the weights by these names: with the shards of an older model beside the one file of a new one, or the other way
 * round, they would load what nobody pushed.
 */
function replacedBy({ what, files }: Contents, options: PushOptions): (path: string) => boolean {
  const pattern = OWN_WEIGHTS[what];
  if (!pattern || ![...files.keys()].some((path) => pattern.test(path))) return () => false;
  const prefix = placed("x", options).slice(0, -1);
  return (path) => path.startsWith(prefix) && pattern.test(path.slice(prefix.length));
}

function compareWithRecord(
  digests: ReadonlyMap<string, string>,
  { recorded }: Checked,
  { folder }: Contents,
  options: PushOptions,
): void {
  for (const [path, sha256] of recorded) {
    const found = digests.get(placed(path, options));
    if (found === undefined || found === sha256) continue;
    throw new RetemperError("BAD_INPUT", `${path} is not what was written: its sha256 differs from its record's`, {
      file: folder?.path,
      hint: "make it again; retemper verify lists all that differs",
    });
  }
}
