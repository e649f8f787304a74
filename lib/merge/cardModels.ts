// What a card can say of the models that went into a merge: names that mean something elsewhere in place of paths, the hub's ids,
// and licences, as far as the models' own cards and configuration state them. It describes the output and decides no byte of
// its weights, so that these cards are no recorded inputs: another word in one of them makes no merge new.

import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { frontMatter } from "../checkpoint/frontMatter.js";
import { isRepositoryName, isUsualFolder } from "../checkpoint/hubName.js";
import { readJsonObject } from "../checkpoint/json.js";
import { type LocatedPart, type LocateOptions, locate } from "../checkpoint/locate.js";
import { fileOf, openFolder } from "../checkpoint/modelFolder.js";
import { ioError } from "../files/ioError.js";
import { isMissing } from "../files/isMissing.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { readDocument } from "../recipe/document.js";
import type { ModelReference } from "../recipe/types.js";

export interface CardModel {
  /** As the recipe writes it. */
  readonly path: string;
  /** The hub's id, else the name of its folder. */
  readonly name: string;
  /** The hub's id. */
  readonly id?: string | undefined;
  /** Of a model that is not the hub's: what it was made from, by its own card, else by its configuration. */
  readonly bases: readonly string[];
  readonly licence?: Licence | undefined;
}

/** As the hub's front matter has it: `name` and `link` where `id` is "other". */
export interface Licence {
  readonly id: string;
  readonly name?: string | undefined;
  readonly link?: string | undefined;
}

/** The models and adapters of a merge, each once, in the order of the references. A card that cannot be read says nothing. */
export async function cardModels(references: Iterable<ModelReference>, options: LocateOptions): Promise<CardModel[]> {
  const found = new Map<string, CardModel>();
  const names = new Set<string>();
  for (const { path, revision, lora } of references) {
    for (const part of [{ path, revision }, ...(lora ? [lora] : [])]) {
      if (found.has(part.path)) continue;
      const model = await cardModel(part, options);
      let { name } = model;
      for (let more = 2; names.has(name); more++) name = `${model.name}-${more}`;
      names.add(name);
      found.set(part.path, { ...model, name });
    }
  }
  return [...found.values()];
}

async function cardModel(part: LocatedPart, options: LocateOptions): Promise<CardModel> {
  const { path } = part;
  const named = options.named !== undefined && Object.hasOwn(options.named, path);
  const folder = await locate(part, options).catch((error: unknown) => saysNothing(error, path)); // it was there when it was merged
  const id = folder === undefined ? undefined : idOf(folder);
  const name = id ?? (named ? path : basename(folder ?? resolve(path)));
  if (folder === undefined) return { path, name, bases: [] };
  const card = await frontMatterOf(folder);
  const stated = textsOf(card.base_model).filter((base) => isRepositoryName(base));
  return {
    path,
    name,
    ...(id !== undefined && { id }),
    bases: id !== undefined ? [] : stated.length > 0 ? stated : await configuredBase(folder),
    licence: licenceOf(card),
  };
}

/** By the folder's name in the hub's cache: `models--org--name/snapshots/<commit>`. */
function idOf(folder: string): string | undefined {
  const snapshots = dirname(folder);
  const [, id] = /^models--(.+)$/.exec(basename(dirname(snapshots))) ?? [];
  return basename(snapshots) === "snapshots" ? id?.replaceAll("--", "/") : undefined;
}

async function frontMatterOf(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, "README.md");
  const text = await openFolder(folder)
    .then((opened) => fileOf(opened, "README.md"))
    .then((file) => readTextAtMost(file, { most: 2 ** 22, what: "a model card" }))
    .catch((error: unknown) => saysNothing(error, path));
  try {
    const { value } = readDocument(frontMatter(text ?? "") ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // no front matter: nothing is known
  }
}

/**
 * What is absent, closed to this user or no card says nothing of a model. A file that the system fails to read ends the merge, as
 * everywhere: else a card would say less than it should.
 */
function saysNothing(error: unknown, file: string): undefined {
  const failure = ioError(error, file, "cannot read");
  const refused = ["EACCES", "EPERM"].includes((failure.cause as NodeJS.ErrnoException | undefined)?.code ?? "");
  if (isMissing(error) || refused || failure.code === "BAD_INPUT") return undefined;
  throw failure;
}

function licenceOf({ license, license_name, license_link }: Readonly<Record<string, unknown>>): Licence | undefined {
  const [id, ...more] = textsOf(license);
  if (id === undefined || more.length > 0) return undefined;
  const [[name], [link]] = [textsOf(license_name), textsOf(license_link)];
  return { id, ...(name !== undefined && { name }), ...(link !== undefined && { link }) };
}

/** A model names what it was loaded from, an adapter its base: the hub's id, or a path on the machine that wrote it. */
async function configuredBase(folder: string): Promise<string[]> {
  for (const [file, key] of [
    ["adapter_config.json", "base_model_name_or_path"],
    ["config.json", "_name_or_path"],
  ] as const) {
    const config = await readJsonObject(join(folder, file)).catch((error: unknown) =>
      saysNothing(error, join(folder, file)),
    );
    const [base] = textsOf(config?.[key]);
    if (base !== undefined && isRepositoryName(base) && !isUsualFolder(base) && !(await isHere(base))) return [base];
  }
  return [];
}

function isHere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function textsOf(value: unknown): string[] {
  return [value].flat().filter((one): one is string => typeof one === "string" && one !== "" && one.length <= 500);
}
