// Which files of a repository on the hub a model or an adapter needs: its weights once, in the form that is best read here, and the
// small files beside them. A repository often holds the same weights in several forms.

import { RetemperError } from "../errors.js";
import { nameOf, type RemoteFile, type Repository } from "../hub/repository.js";
import { listing } from "./listing.js";
import { sidecarKind } from "./sidecars.js";

export interface NeededFiles {
  /** Configuration, tokenizer, template, licence, card. */
  readonly words: readonly RemoteFile[];
  /** Files that hold tensors, as far as they are known without the indices. */
  readonly weights: readonly RemoteFile[];
  /** Files that name further files with tensors. */
  readonly indices: readonly RemoteFile[];
}

const ADAPTER = ["adapter_model.safetensors", "adapter_model.safetensors.index.json", "adapter_model.bin"];
/** In the order in which they are taken: the first that is there. */
const MODEL = [
  ...["model.safetensors", "model.safetensors.index.json"],
  ...["pytorch_model.bin", "pytorch_model.bin.index.json"],
];
const SHARD = /^[^/]+\.(safetensors|bin)$/;
const WORDS = ["config.json", "adapter_config.json", "README.md"];
const TEMPLATES = /^additional_chat_templates\/[^/]+\.jinja$/;

/**
 * @param file one GGUF file of several, with the parts that it is split into
 * @throws RetemperError BAD_INPUT for a repository that holds no model or adapter, or several that it does not choose among
 */
export function neededFiles(repository: Repository, file?: string): NeededFiles {
  const byPath = new Map(repository.files.map((one) => [one.path, one]));
  const words = repository.files.filter(
    ({ path }) =>
      WORDS.includes(path) || TEMPLATES.test(path) || (!path.includes("/") && sidecarKind(path) !== undefined),
  );
  const chosen =
    file === undefined
      ? [firstOf(MODEL, byPath), firstOf(ADAPTER, byPath)].filter((one) => one !== undefined)
      : partsOf(repository, file);
  const all = chosen.length > 0 ? chosen : onlyGguf(repository);
  const isIndex = ({ path }: RemoteFile) => path.endsWith(".index.json");
  return { words, weights: all.filter((one) => !isIndex(one)), indices: all.filter(isIndex) };
}

/**
 * The files that an index names.
 * @throws RetemperError BAD_INPUT for names that are none, or that the repository does not have
 */
export function indexedFiles(repository: Repository, index: string, weightMap: unknown): RemoteFile[] {
  const names = typeof weightMap === "object" && weightMap !== null ? new Set(Object.values(weightMap)) : new Set();
  const byPath = new Map(repository.files.map((one) => [one.path, one]));
  const faults: string[] = [];
  const found: RemoteFile[] = [];
  for (const name of names) {
    const file = typeof name === "string" && SHARD.test(name) ? byPath.get(name) : undefined;
    if (file) found.push(file);
    else faults.push(String(name).slice(0, 200));
  }
  if (faults.length === 0 && found.length > 0) return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  const what = found.length === 0 && faults.length === 0 ? " no files" : ` files that are not there:${listing(faults)}`;
  throw new RetemperError("BAD_INPUT", `${index} of ${nameOf(repository)} names${what}`, {
    hint: "the upload is not complete: ask its owner, or choose another revision",
  });
}

function firstOf(names: readonly string[], files: ReadonlyMap<string, RemoteFile>): RemoteFile | undefined {
  for (const name of names) if (files.has(name)) return files.get(name);
  return undefined;
}

/** A file and, where it is one of several parts, the others. */
function partsOf({ files, ...name }: Repository, wanted: string): RemoteFile[] {
  const [, stem, count] = SPLIT.exec(wanted) ?? [];
  const parts = files.filter(({ path }) => {
    const [, other, of] = SPLIT.exec(path) ?? [];
    return path === wanted || (stem !== undefined && other === stem && of === count);
  });
  if (parts.some(({ path }) => path === wanted)) return parts;
  throw new RetemperError("BAD_INPUT", `${nameOf({ ...name })} has no file ${wanted}`, {
    hint: ggufHint(name.id, files),
  });
}

const SPLIT = /^(.+)-\d{5}-of-(\d{5})\.gguf$/i;
const GGUF = /\.gguf$/i;

/** Vision parts beside a language model, and the statistics that quantisers use. */
const BESIDE = /(^|\/)(mmproj|imatrix)[^/]*$/i;

function onlyGguf(repository: Repository): RemoteFile[] {
  const files = repository.files.filter(({ path }) => GGUF.test(path) && !BESIDE.test(path));
  const models = new Set(files.map(({ path }) => SPLIT.exec(path)?.[1] ?? path));
  if (models.size === 1) return files;
  if (models.size > 1) {
    throw new RetemperError("BAD_INPUT", `${nameOf(repository)} holds several GGUF files.`, {
      hint: ggufHint(repository.id, repository.files),
    });
  }
  const others = repository.files
    .map(({ path }) => path)
    .filter((path) => /\.(safetensors|bin|pth?|onnx|h5)$/.test(path));
  const holds = others.length > 0 ? `; it holds ${others.slice(0, 5).join(", ")}` : "";
  throw new RetemperError("BAD_INPUT", `${nameOf(repository)} has no weights that are read here${holds}.`, {
    hint: `expected ${MODEL.join(", ")}, ${ADAPTER[0]} or a .gguf file`,
  });
}

function ggufHint(id: string, files: readonly RemoteFile[]): string {
  const names = files.map(({ path }) => path).filter((path) => GGUF.test(path));
  if (names.length === 0) return "it has no .gguf files";
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  return `name one of them, as in ${id}/${names[0]}; there are ${names.slice(0, 12).join(", ")}${more}`;
}
