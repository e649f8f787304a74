// What models and data hold, as sha256: a step is the same step where its inputs hold the same, wherever they lie and whenever
// they were written.

import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { runJob } from "../../addon/job.js";
import { loadAddon } from "../../addon/load.js";
import { locate } from "../../checkpoint/locate.js";
import { RetemperError } from "../../errors.js";
import { findData } from "../../evaluate/data/findData.js";
import { parseHubReference } from "../../evaluate/data/hubReference.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeShared } from "../../files/writeShared.js";
import { modelParts } from "../settings/modelParts.js";

/** In the folder of results: digests of large files, so that they are not read again each time. */
export const DIGESTS_FILE = "digests.json";
const FORMAT = "retemper-digests/1";

/** Bytes from which a file's digest is kept. */
const LARGE = 2 ** 24;

/** A file that changed this short before may change again without a later time: milliseconds. */
const SETTLED = 2000;

/** What decides how a model computes; records, cards, logs and plots beside it do not. */
const COUNTS = /\.(safetensors|gguf|json|jinja|model|txt)$|^(pytorch|adapter)_model[^/]*\.bin$/;
/** Of a GGUF file that is split: what all parts have in common. */
const PART = /-\d{5}(-of-\d{5}\.gguf)$/i;
const RECORDS = ["retemper.json", "tuning.json", "trainer_state.json"];

interface NamedFile {
  readonly name: string;
  readonly path: string;
}

export class Digests {
  readonly #out: string;
  readonly #signal: AbortSignal | undefined;
  /** By "device:inode:size:time of change:time of the inode's change". */
  #known: Promise<Map<string, string>> | undefined;

  /** @param out folder of results, which exists */
  constructor(out: string, signal?: AbortSignal | undefined) {
    this.#out = out;
    this.#signal = signal;
  }

  /** Of the files that decide what a model says. @param model folder, GGUF file, hub name, or any with +adapter */
  async model(model: string): Promise<string> {
    const digests: string[] = [];
    for (const part of modelParts(model)) {
      const place = await locate(part as { path: string });
      const isFile = (await stat(place)).isFile();
      const folder = isFile ? dirname(place) : place;
      const common = (name: string) => name.replace(PART, "$1");
      const counts = isFile
        ? (name: string) => common(name) === common(basename(place))
        : (name: string) => COUNTS.test(name) && !RECORDS.includes(name);
      const names = (await readdir(folder)).filter(counts).sort();
      digests.push(await this.#files(names.map((name) => ({ name, path: join(folder, name) }))));
    }
    return digests.length === 1 ? (digests[0] as string) : sha256(JSON.stringify(digests));
  }

  /** Of a model's folder, or of one file. */
  async modelOrFile(path: string): Promise<string> {
    const facts = await stat(path).catch(() => undefined);
    return facts?.isFile() ? this.#files([{ name: basename(path), path }]) : this.model(path);
  }

  /**
   * Of the rows that a reference means now: of all files that would be read. What to read so that it stays these rows: a
   * data set on the hub at its commit.
   * @throws as reading the rows does
   */
  async data(reference: string): Promise<{ readonly digest: string; readonly pinned: string }> {
    const { files, commit } = await findData(reference, { hub: { signal: this.#signal } });
    return { digest: await this.#files(files), pinned: commit === undefined ? reference : pinnedAt(reference, commit) };
  }

  /** Whether a folder's files are what a step made there; not where the step did not say what it made. */
  async areIn(folder: string, files: readonly { readonly path: string; readonly sha256: string }[]): Promise<boolean> {
    for (const { path, sha256: made } of files) {
      const place = join(folder, path);
      const found = await identity(place).catch(() => undefined); // not there
      if (!found || (await this.#file(place, found)) !== made) return false;
    }
    return files.length > 0;
  }

  async #files(files: readonly NamedFile[]): Promise<string> {
    const hash = createHash("sha256");
    for (const { name, path } of files) {
      const found = await identity(path);
      if (found) hash.update(`${name}\0${found.size}\0${await this.#file(path, found)}\0`);
    }
    return hash.digest("hex");
  }

  async #file(path: string, found: Identity): Promise<string> {
    this.#known ??= read(join(this.#out, DIGESTS_FILE));
    const known = await this.#known;
    const before = known.get(found.key);
    if (before !== undefined) return before;
    const addon = loadAddon();
    const [digest] = (await runJob(() => addon.hashFiles([path]), { signal: this.#signal })) as [string];
    if ((await identity(path))?.key !== found.key) {
      throw new RetemperError("BAD_INPUT", "was changed while it was read", {
        file: path,
        hint: "start again when nothing writes there",
      });
    }
    if (found.size >= LARGE && found.settled) {
      known.set(found.key, digest);
      const text = JSON.stringify({ format: FORMAT, files: Object.fromEntries(known) }, null, 1);
      await writeShared(join(this.#out, DIGESTS_FILE), `${text}\n`); // by any of several processes
    }
    return digest;
  }
}

/** What a file that was not written to since still has. */
interface Identity {
  readonly key: string;
  readonly size: number;
  /** Whether it changed long enough ago. */
  readonly settled: boolean;
}

/** Of links, the file that they lead to; undefined for what is no file. */
async function identity(path: string): Promise<Identity | undefined> {
  const facts = await stat(path, { bigint: true });
  if (!facts.isFile()) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = facts;
  const changed = Math.max(Number(mtimeNs), Number(ctimeNs)) / 1e6;
  return {
    key: [dev, ino, size, mtimeNs, ctimeNs].join(":"),
    size: Number(size),
    settled: Date.now() - changed > SETTLED,
  };
}

/** What cannot be read is found out again. */
async function read(file: string): Promise<Map<string, string>> {
  try {
    const { format, files } = JSON.parse(await readTextAtMost(file, { most: 2 ** 28, what: "digests" })) as {
      format: string;
      files: object;
    };
    return format === FORMAT ? new Map(Object.entries(files)) : new Map();
  } catch {
    return new Map();
  }
}

function pinnedAt(reference: string, commit: string): string {
  const { dataset, path } = parseHubReference(reference);
  const [, query = ""] = /(\?[^#]*)$/.exec(reference) ?? [];
  return `hf://datasets/${dataset}@${commit}${path === undefined ? "" : `/${path}`}${query}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
