// Brings files into a repository of the hub by one commit. Large ones go to the hub's storage before, by their sha256; nobody sees
// them until the commit names them. Whatever breaks in between, the branch has all of the files or none.

import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { ATTEMPTS, pauseAfter, pauseFor } from "../tries.js";
import type { ByteCounter } from "./byteCounter.js";
import { changed, contentOf, digestsOf, gitName, type Identity, identityOf, type PushFile } from "./files.js";
import { type MadeCommit, makeCommit } from "./makeCommit.js";
import { makeBranch, openRepository, type RemoteState } from "./openRepository.js";
import { type Advice, preupload } from "./preupload.js";
import { pushLock } from "./pushLock.js";
import { removeOldUploads } from "./removeOldUploads.js";
import { pullRequests } from "./requests.js";
import { checkTarget, nameOf, type PushTarget, pageUrl } from "./target.js";
import { uploadAll } from "./uploadAll.js";
import type { Large } from "./uploadLarge.js";
import { validateCard } from "./validateCard.js";

export interface PushFilesOptions {
  /** Refuses a repository that everybody can read, and makes a new one that only its owners can. */
  readonly private: boolean;
  readonly message: string;
  readonly description: string;
  /** Files of the repository that go where ours come: others would be taken in their place. */
  readonly replaces: (path: string) => boolean;
  /** Looks at the digests of large files before one of them is sent. @throws where they must not be */
  readonly check: (digests: ReadonlyMap<string, string>) => void;
  /** Folder for what a later push goes on with. */
  readonly journals: string;
  readonly progress: ByteCounter;
}

export interface PushedFile {
  readonly path: string;
  readonly bytes: number;
  /** "unchanged": the repository had it; "there": the storage had it; "ignored": by the repository's .gitignore. */
  readonly state: "sent" | "there" | "unchanged" | "ignored";
}

export interface Pushed {
  /** Of the branch, or of the pull request. */
  readonly commit: string;
  readonly commitUrl: string;
  /** Address of the pull request. */
  readonly request?: string | undefined;
  readonly files: readonly PushedFile[];
  /** Paths that the commit took away. */
  readonly deleted: readonly string[];
  /** Bytes of large files that went out. */
  readonly sentBytes: number;
  /** Whether the repository was made now. */
  readonly made: boolean;
}

/**
 * @throws RetemperError USAGE for a name that is none, and a public repository where a private one was asked for; NETWORK;
 *   BAD_INPUT for files that change meanwhile; IO; the signal's reason
 */
export async function pushFiles(
  files: readonly PushFile[],
  target: PushTarget,
  options: PushFilesOptions,
  settings: HubSettings,
): Promise<Pushed> {
  checkTarget(target);
  if (settings.offline) {
    throw new RetemperError("NETWORK", `nothing can be pushed: ${settings.offlineBy.what}.`, {
      hint: settings.offlineBy.undo,
    });
  }
  if (!settings.token) {
    throw new RetemperError("NETWORK", `nothing can be pushed to ${settings.endpoint.host} without a token.`, {
      reason: "token",
      hint: "set HF_TOKEN to a token that may write: the settings of your account make one",
    });
  }
  const lock = await pushLock(target, options.journals, settings);
  try {
    await removeOldUploads(options.journals);
    return await new Push(files, target, options, settings).run();
  } finally {
    lock?.releaseAndKeep();
  }
}

interface Difference {
  readonly states: ReadonlyMap<string, PushedFile["state"]>;
  readonly small: readonly { readonly path: string; readonly content: Buffer }[];
  readonly large: readonly Large[];
  readonly deleted: readonly string[];
}

class Push {
  readonly #files: readonly PushFile[];
  readonly #target: PushTarget;
  readonly #options: PushFilesOptions;
  readonly #settings: HubSettings;
  readonly #digests = new Map<string, string>();
  readonly #identities = new Map<string, Identity>();
  readonly #progress: ByteCounter;

  constructor(files: readonly PushFile[], target: PushTarget, options: PushFilesOptions, settings: HubSettings) {
    this.#files = files;
    this.#target = target;
    this.#options = options;
    this.#settings = settings;
    this.#progress = options.progress;
  }

  async run(): Promise<Pushed> {
    const target = this.#target;
    const settings = this.#settings;
    for (const file of this.#files) this.#identities.set(file.path, await identityOf(file));
    const first = await openRepository(target, this.#options.private, settings);
    await validateCard(this.#files, target, settings);
    const known = target.asRequest ? await pullRequests(target, settings) : [];
    const states = new Map<string, PushedFile["state"]>();
    const gone = new Set<string>();
    let sentBytes = 0;
    const result = ({ commit, url, request }: MadeCommit): Pushed => ({
      ...{ commit, commitUrl: url, request, sentBytes, made: first.made, deleted: [...gone] },
      files: this.#files.map(({ path, bytes }) => ({ path, bytes, state: states.get(path) ?? "sent" })),
    });
    let remote: RemoteState = first;
    for (let round = 1; ; round++) {
      const base = remote.newBranch ? "main" : target.revision;
      const { small, large, deleted, ...difference } = await this.#compare(base, remote);
      // What the first round found is what this push changes: a later one may find it done.
      if (round === 1) for (const [path, state] of difference.states) states.set(path, state);
      for (const path of deleted) gone.add(path);
      const url = pageUrl(target, `/commit/${remote.commit}`, settings).href;
      const nothing = small.length + large.length + deleted.length === 0;
      if (nothing && !remote.newBranch) return result({ commit: remote.commit, url, request: undefined });
      const sent = await uploadAll(large, { target, settings, journals: this.#options.journals }, this.#progress);
      for (const { path, sha256 } of large) if (sent.has(sha256)) states.set(path, "sent");
      for (const bytes of sent.values()) sentBytes += bytes;
      for (const file of this.#files) {
        const now = await identityOf(file);
        if (now !== this.#identities.get(file.path)) throw changed(String(file.source));
      }
      if (remote.newBranch) await makeBranch(target, remote.commit, settings);
      if (nothing) return result({ commit: remote.commit, url, request: undefined });
      const { message, description } = this.#options;
      const contents = { message, description, parent: remote.commit, small, large, deleted };
      const outcome = await makeCommit(contents, target, settings);
      if (typeof outcome === "object" && "commit" in outcome) return result(outcome);
      const problem = outcome === "moved" ? "the branch has a newer commit" : outcome.unsure;
      if (round === ATTEMPTS) {
        throw new RetemperError("NETWORK", `committing to ${nameOf(target)}: ${problem}, ${ATTEMPTS} times.`, {
          reason: "unreachable",
          hint: "push again: what was sent is not sent again",
        });
      }
      settings.note(`${settings.endpoint.host}: ${problem}; looking what is there`);
      const pause = outcome === "moved" ? undefined : outcome.pause;
      await pauseFor(pause ?? pauseAfter(round, settings), settings);
      const made = await this.#madeAfterAll(known);
      if (made) return result(made);
      // What the branch has now decides: with our files on it, nothing is left to do.
      remote = await openRepository(target, this.#options.private, settings);
    }
  }

  /** The pull request of a commit whose answer was lost. */
  async #madeAfterAll(known: readonly { readonly reference: string }[]): Promise<MadeCommit | undefined> {
    const target = this.#target;
    if (!target.asRequest) return undefined;
    for (const { reference, commit } of await pullRequests(target, this.#settings)) {
      if (known.some((one) => one.reference === reference)) continue;
      const advice = await preupload(this.#files, target, reference, this.#settings);
      const same = await Promise.all(this.#files.map(async (file) => this.#isThere(file, advice.get(file.path))));
      if (!same.every(Boolean)) continue;
      const request = pageUrl(target, `/discussions/${reference.split("/").at(-1)}`, this.#settings).href;
      return { commit, url: pageUrl(target, `/commit/${commit}`, this.#settings).href, request };
    }
    return undefined;
  }

  async #isThere(file: PushFile, advice: Advice | undefined): Promise<boolean> {
    if (!advice || advice.ignored) return true;
    if (advice.there === undefined) return false;
    if (advice.large) return advice.there === this.#digests.get(file.path);
    return advice.there === gitName(await contentOf(file));
  }

  /** What the branch lacks of ours, and what of its files goes. */
  async #compare(revision: string, remote: RemoteState): Promise<Difference> {
    const advice = await preupload(this.#files, this.#target, revision, this.#settings);
    const of = (file: PushFile) => advice.get(file.path) as Advice;
    const unread = this.#files.filter((file) => of(file).large && !of(file).ignored && !this.#digests.has(file.path));
    this.#progress.begin(
      "read",
      unread.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const found = await digestsOf(unread, this.#settings.signal, ({ done }) => this.#progress.at(done));
    for (const [at, { path }] of unread.entries()) this.#digests.set(path, found[at] as string);
    this.#options.check(this.#digests);
    const states = new Map<string, PushedFile["state"]>();
    const small: { path: string; content: Buffer }[] = [];
    const large: Large[] = [];
    for (const file of this.#files) {
      const { path } = file;
      if (of(file).ignored) states.set(path, "ignored");
      else if (file.unlessThere && remote.files.includes(path)) states.set(path, "unchanged");
      else if (await this.#isThere(file, of(file))) states.set(path, "unchanged");
      else if (of(file).large) {
        large.push({ ...file, sha256: this.#digests.get(path) as string });
        states.set(path, "there");
      } else small.push({ path, content: await contentOf(file) });
    }
    const ours = new Set(this.#files.map(({ path }) => path));
    const deleted = remote.files.filter((path) => !ours.has(path) && this.#options.replaces(path));
    return { states, small, large, deleted };
  }
}
