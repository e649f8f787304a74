// Writes everything of an output that is not a tensor: configuration, index, tokenizer, card, recipe. Durable before it
// is counted as written, and digested on the way.

import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { JsonObject } from "../checkpoint/json.js";
import { madeText } from "../checkpoint/madeTexts.js";
import { fileOf, openFolder } from "../checkpoint/modelFolder.js";
import { rewriteJson } from "../checkpoint/numberText.js";
import { sidecars } from "../checkpoint/sidecars.js";
import { updatedConfig } from "../checkpoint/updatedConfig.js";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import { pieces } from "../files/readPiece.js";
import { syncFolder } from "../files/syncFolder.js";
import { INDEX_FILE, outputTensor, shardIndex } from "../plan/shards.js";
import type { ModelReference } from "../recipe/types.js";
import type { AdapterReport } from "./adapter/adapterReport.js";
import { CARD_FILE, modelCard } from "./card.js";
import { cardModels } from "./cardModels.js";
import type { MergeOptions } from "./options.js";
import type { Prepared } from "./prepare.js";
import { recipeWithNames } from "./recipeWithNames.js";
import type { OutputFile } from "./report.js";

type Content = string | { readonly copyFrom: string };

/** The side files of an output by name, except retemper.json, which lists them. */
export async function sideFiles(
  prepared: Prepared,
  name: string,
  options: MergeOptions,
  version: string,
  adapter?: AdapterReport,
): Promise<ReadonlyMap<string, Content>> {
  const { recipe } = prepared;
  const files = await filesToLoad(prepared, options);
  files.set("mergekit_config.yml", recipe.text.endsWith("\n") ? recipe.text : `${recipe.text}\n`);
  if (options.writeModelCard !== false) files.set(CARD_FILE, await cardOf(prepared, name, options, version, adapter));
  return files;
}

/** What PEFT needs; the tokenizer's files come along with an adapter that may be published by itself. */
function adapterFiles(
  { adapterConfig, adapterPlan, vocabulary }: Prepared,
  options: MergeOptions,
): Map<string, Content> {
  const files = new Map<string, Content>();
  if (adapterPlan && options.copyTokenizer !== false) {
    for (const { name: file, content } of vocabulary.files) files.set(file, content);
  }
  return files.set("adapter_config.json", `${JSON.stringify(adapterConfig, null, 2)}\n`);
}

/** What whoever loads the tensors needs beside them. */
async function filesToLoad(prepared: Prepared, options: MergeOptions): Promise<Map<string, Content>> {
  const { adapterConfig, oneFile, models } = prepared;
  if (adapterConfig) return adapterFiles(prepared, options);
  if (!oneFile) return checkpointFiles(prepared, options);
  const licences = (await sidecars(models.leader.folder)).filter(({ kind }) => kind === "licence");
  return new Map(licences.map(({ name, path }) => [name, { copyFrom: path }]));
}

/** What a checkpoint needs to be loaded. */
async function checkpointFiles(
  { recipe, models, vocabulary, built }: Prepared,
  options: MergeOptions,
): Promise<Map<string, Content>> {
  const files = new Map<string, Content>();
  for (const { name: file, path, kind } of await sidecars(models.leader.folder, {
    code: options.trustRemoteCode ?? false,
  })) {
    // They come with the merged tokenizer below, and another model's template would replace that of its own.
    if (kind === "tokenizer" || kind === "template") continue;
    files.set(file, { copyFrom: path });
  }
  if (options.copyTokenizer !== false || recipe.tokenizer || recipe.chatTemplate) {
    for (const { name: file, content } of vocabulary.files) files.set(file, content);
  }
  const { configText } = models.leader;
  if (configText !== undefined && Object.keys(models.leader.config).length > 0) {
    const architecture = models.references.get(models.leader.reference)?.overrideArchitecture;
    const changes = { ...built.config, architecture };
    files.set("config.json", `${rewriteJson(configText, (config) => updatedConfig(config as JsonObject, changes))}\n`);
  }
  const index = shardIndex(built.tensors.map(outputTensor), built.layout);
  if (index !== undefined) files.set(INDEX_FILE, index);
  return files;
}

async function cardOf(
  { recipe, models, adapterConfig }: Prepared,
  name: string,
  { seed, transformersCache: cache, models: named }: MergeOptions,
  version: string,
  adapter?: AdapterReport,
): Promise<string> {
  const base = recipe.baseModel;
  const references = [...(base ? [base] : []), ...models.references.values()];
  const sources = await cardModels(references, { cache, named });
  const nameOf = new Map(sources.map((source) => [source.path, source.name]));
  const called = ({ path, lora }: ModelReference) =>
    [path, ...(lora ? [lora.path] : [])].map((part) => nameOf.get(part) ?? part).join("+");
  const names = new Map([...nameOf, ...references.map((one) => [one.text, called(one)] as const)]);
  const { architectures } = models.leader.config;
  const [architecture] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  return modelCard({
    name,
    method: recipe.method,
    models: [...new Set(references.map(called))],
    sources,
    baseModel: base && called(base),
    recipe: recipeWithNames(recipe.text, names),
    version,
    seed,
    ...(String(architecture).endsWith("ForCausalLM") && { pipeline: "text-generation" }),
    ...(adapterConfig && { library: "peft" as const }),
    ...(adapter && { kept: adapter.kept }),
  });
}

/** Writes the files into a folder, syncs them and the folders, and returns their sizes and digests in order of name. */
export async function writeSideFiles(
  folder: string,
  files: ReadonlyMap<string, Content>,
  signal: AbortSignal | undefined,
): Promise<OutputFile[]> {
  const written: OutputFile[] = [];
  const folders = new Set<string>();
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    signal?.throwIfAborted();
    const path = join(folder, name);
    if (dirname(path) !== folder) {
      await makeFolder(dirname(path));
      folders.add(dirname(path));
    }
    written.push({ path: name, ...(await writeOne(path, content)) });
  }
  for (const inner of folders) await syncFolder(inner);
  await syncFolder(folder);
  return written;
}

async function writeOne(path: string, content: Content): Promise<Omit<OutputFile, "path">> {
  const parts = typeof content === "string" ? [Buffer.from(content)] : source(content.copyFrom);
  const digest = createHash("sha256");
  let bytes = 0;
  try {
    const handle = await open(path, "wx");
    try {
      for await (const piece of parts) {
        digest.update(piece);
        bytes += piece.length;
        await handle.appendFile(piece);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw ioError(error, path, "cannot write");
  }
  return { bytes, sha256: digest.digest("hex") };
}

/** The bytes of a file of a model, which must be a regular file that does not lead out of its folder. */
async function* source(path: string): AsyncGenerator<Buffer> {
  const checked = await fileOf(await openFolder(dirname(path)), basename(path)).catch((error: unknown) => {
    throw ioError(error, path, "cannot copy");
  });
  const made = madeText(checked);
  if (made !== undefined) {
    yield Buffer.from(made);
    return;
  }
  const handle = await open(checked, "r");
  try {
    yield* pieces(handle);
  } catch (error) {
    throw ioError(error, path, "cannot copy");
  } finally {
    await handle.close();
  }
}
