// Models of the hub that are only looked at: folders in which files have their headers and their sizes, and nothing of their
// tensors. A plan of models of hundreds of gigabytes reads kilobytes this way. The folders are temporary, are given to those only who read
// headers, and never lie in the hub's cache.

import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { atOnce } from "../hub/atOnce.js";
import { filePart, fileSize, fileStart } from "../hub/fileStart.js";
import { askRepository, fileUrl, nameOf, type RemoteFile, type Repository } from "../hub/repository.js";
import { NoParts } from "../hub/request.js";
import type { HubSettings } from "../hub/settings.js";
import { ownedFolder } from "../output/ownedFolder.js";
import { type Bring, FarFile } from "./farFile.js";
import { bringGgufHeader } from "./formats/gguf/farHeader.js";
import { pickledTensors } from "./formats/pickle/readPickle.js";
import { INDEX_LIMIT, readJsonObject } from "./json.js";
import type { LocatedPart } from "./locate.js";
import { indexedFiles, type NeededFiles, neededFiles } from "./neededFiles.js";
import { notHere, type ObtainOptions, retold, settingsOf } from "./obtain.js";
import { sidecarKind } from "./sidecars.js";

export interface LookOptions extends ObtainOptions {
  /** Whether tokenizers are read as well: megabytes. By default they have their size only. */
  readonly tokenizers?: boolean | undefined;
}

/** Requests at once. */
const AT_ONCE = 8;
/** What a header takes, of a file that no index describes: most of those of single files. */
const FIRST = 32 * 1024;
/** Bytes that a tensor takes in a header, beside its name: dtype, shape and offsets. */
const ENTRY = 100;
/** The format's own limit. */
const LONGEST_HEADER = 100_000_000;

/**
 * Does `work` with folders that stand for those models that are not on this machine. What is here, or cannot be asked for, is left to
 * `locate`.
 * @param work is given names for `LocateOptions.named`, and a function that puts addresses on the hub in the place of these folders
 * @throws RetemperError NETWORK, also where a server does not send the parts of GGUF and .bin files; BAD_INPUT; IO; what `work` throws
 */
export async function withHeaders<T>(parts: Iterable<LocatedPart>, options: LookOptions, work: Look<T>): Promise<T> {
  return look(parts, options, work);
}

/** The same, but that nothing is done where a server does not send the parts of files that are needed. */
export async function withHeadersIfPossible(
  parts: Iterable<LocatedPart>,
  options: LookOptions,
  work: Look<unknown>,
): Promise<void> {
  await look(parts, options, work).catch((error: unknown) => {
    if (!(error instanceof NoParts)) throw error;
  });
}

type Look<T> = (named: Readonly<Record<string, string>>, told: (text: string) => string) => Promise<T>;

async function look<T>(parts: Iterable<LocatedPart>, options: LookOptions, work: Look<T>): Promise<T> {
  const same = (folder: string) => folder;
  const wanted = await notHere(parts, options);
  if (wanted.length === 0) return work({}, same);
  const settings = await settingsOf(options);
  if (settings.offline) return work({}, same);
  const place = await ownedFolder("retemper-headers-");
  const addresses = new Map<string, string>();
  const told = (text: string) => [...addresses].reduce((all, [own, address]) => all.replaceAll(own, address), text);
  try {
    const named: Record<string, string> = {};
    for (const [at, { part, place: where }] of wanted.entries()) {
      const { name, revision } = where;
      const asked = { kind: "models" as const, id: name.id, revision };
      const repository = await askRepository(asked, settings, { sizes: true }).catch(async (error: unknown) => {
        throw await retold(error, part, where, options);
      });
      const folder = join(place.path, `${at}`, name.id.replaceAll("/", "--"));
      addresses.set(folder, addressOf(repository, settings));
      const needed = neededFiles(repository, name.file);
      const bytes = await standIn(repository, needed, folder, settings, options.tokenizers === true);
      settings.note(
        `${nameOf(asked)} is not here: its headers were read from ${settings.endpoint.host} (${kilobytes(bytes)})`,
      );
      named[`${part.path}@${part.revision ?? ""}`] = name.file === undefined ? folder : join(folder, name.file);
    }
    return await work(named, told);
  } catch (error) {
    throw error instanceof RetemperError ? inWordsOf(error, told) : error;
  } finally {
    await place.remove();
  }
}

/** @returns bytes that were downloaded */
async function standIn(
  repository: Repository,
  { words, weights, indices }: NeededFiles,
  folder: string,
  settings: HubSettings,
  tokenizers: boolean,
): Promise<number> {
  let got = 0;
  const write = async (one: RemoteFile, content: Buffer, size: number) => {
    got += content.length;
    await FarFile.with(
      join(folder, one.path),
      size,
      async () => content,
      (file) => file.start(content.length),
    );
  };
  const whole = async (one: RemoteFile) => {
    const size = await fileSize(repository, one, settings);
    await write(one, await fileStart(repository, one, Math.min(Math.max(size, 1), INDEX_LIMIT), settings), size);
  };
  const isRead = ({ path }: RemoteFile) => {
    const kind = sidecarKind(path);
    return kind === "tokenizer" ? tokenizers : path !== "README.md" && kind !== "licence" && kind !== "code";
  };
  await atOnce([...indices, ...words], AT_ONCE, async (one) => {
    if (indices.includes(one) || isRead(one)) return whole(one);
    await write(one, Buffer.alloc(0), await fileSize(repository, one, settings));
  });
  const guesses = new Map(weights.map((one) => [one, FIRST]));
  for (const { path } of indices) {
    const { weight_map } = await readJsonObject(join(folder, path), INDEX_LIMIT);
    const lengths = headerLengths(weight_map);
    for (const one of indexedFiles(repository, path, weight_map)) guesses.set(one, lengths.get(one.path) ?? FIRST);
  }
  await atOnce([...guesses], AT_ONCE, async ([one, guess]) => {
    const size = await fileSize(repository, one, settings);
    if (one.path.endsWith(".safetensors")) {
      return write(one, await headerOf(repository, one, { guess, size }, settings), size);
    }
    const bring: Bring = (piece) => filePart(repository, one, piece, settings);
    await FarFile.with(join(folder, one.path), size, bring, async (file) => {
      await (/\.gguf$/i.test(one.path) ? bringGgufHeader(file) : pickledTensors(file));
      got += file.brought;
    });
  });
  return got;
}

/** About as long as each file's header is, by the names of its tensors, and seldom shorter. */
function headerLengths(weightMap: unknown): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>();
  for (const [name, file] of Object.entries(weightMap as Record<string, string>)) {
    lengths.set(file, (lengths.get(file) ?? 256) + ENTRY + Buffer.byteLength(name));
  }
  return lengths;
}

/** The first bytes of a safetensors file, with all of its header where it says a length that can be. */
async function headerOf(
  repository: Repository,
  file: RemoteFile,
  { guess, size }: { readonly guess: number; readonly size: number },
  settings: HubSettings,
): Promise<Buffer> {
  const start = await fileStart(repository, file, Math.max(8, Math.min(guess, size)), settings);
  const length = start.length < 8 ? 0n : 8n + start.readBigUInt64LE();
  if (length <= start.length || length > LONGEST_HEADER || length > size)
    return start.subarray(0, Math.max(8, Number(length <= start.length ? length : start.length)));
  return fileStart(repository, file, Number(length), settings);
}

/** Where people find the commit. */
function addressOf(repository: Repository, settings: HubSettings): string {
  return fileUrl({ ...repository, revision: repository.commit }, "", settings).href.replace(
    /\/resolve\/(.*?)\/?$/,
    "/tree/$1",
  );
}

/** The same error with the model's address where the temporary folder stands. */
function inWordsOf(error: RetemperError, told: (text: string) => string): RetemperError {
  const { message, file, hint } = error;
  if (told(message) === message) return error;
  return error.retold(told(message), { file: file && told(file), hint: hint && told(hint) });
}

function kilobytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
