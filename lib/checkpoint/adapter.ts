// Opens a PEFT LoRA adapter over a base checkpoint: what it does to each tensor of the base, from headers alone.

import { RetemperError } from "../errors.js";
import { type AdapterSettings, adapterSettings } from "./adapterConfig.js";
import { type AdapterRole, checkpointNames, parseAdapterKey } from "./adapterKeys.js";
import { matchPattern } from "./adapterPatterns.js";
import { factorOrientation, lowRankTerm, type Orientation, seenOrientation, shapeText } from "./adapterShapes.js";
import { embeddingNames, isTied } from "./families.js";
import { readJsonObject } from "./json.js";
import { knownDtypes } from "./knownDtypes.js";
import { listing } from "./listing.js";
import { fileOf, type ModelFolder, openFolder, optionalFileOf } from "./modelFolder.js";
import { nearestNames } from "./nearestNames.js";
import type { Adapter, AdapterEffect, Checkpoint, StoredFile, StoredTensor } from "./types.js";
import { type HeaderReader, readFile } from "./weights.js";

type Factors = Partial<Record<AdapterRole, StoredTensor>>;

/** What the keys of an adapter file say, before they are compared with a base. */
interface AdapterContents {
  /** Module of the running model -> its factors. */
  readonly factors: ReadonlyMap<string, Factors>;
  /** Tensor of the running model -> the adapter's copy of an adapted layer's own tensor. */
  readonly bases: ReadonlyMap<string, StoredTensor>;
  readonly saved: ReadonlyMap<string, { readonly tensor: StoredTensor; readonly wrapped: boolean }>;
  readonly unknown: readonly string[];
}

/** Collects what is wrong, so that one error can tell all of it. */
interface Faults {
  readonly broken: string[];
  readonly unmatched: string[];
  readonly shapes: string[];
}

/**
 * Opens an adapter.
 * @param path its folder, located already
 * @param base the checkpoint that it adapts
 * @throws RetemperError BAD_INPUT for a file that is broken, pickled, or of a kind that is not W + scale * B A;
 * INCOMPATIBLE where it does not fit the base, all differences in one error.
 */
export async function openAdapter(
  path: string,
  base: Checkpoint,
  { addon }: { readonly addon: HeaderReader },
): Promise<Adapter> {
  const folder = await openFolder(path);
  const configPath = await optionalFileOf(folder, "adapter_config.json");
  if (configPath === undefined) {
    throw new RetemperError("BAD_INPUT", "there is no adapter_config.json: this is no PEFT adapter", {
      file: folder.path,
      hint: "After the + comes the folder of a LoRA adapter; whole models are listed as models of their own.",
    });
  }
  const config = await readJsonObject(configPath);
  const settings = adapterSettings(config, configPath);
  const weights = readFile(await weightsOf(folder), addon);
  const [file] = weights.files as readonly [StoredFile];
  const tensors = knownDtypes(weights.tensors, file.path);

  const contents = sortKeys(tensors, file.path);
  const merged = new EffectBuilder(base, settings, contents, configPath).build();
  report(merged.faults, contents.unknown, base, file.path);
  return { folder: folder.path, config, ...untied(merged, base, file) };
}

async function weightsOf(folder: ModelFolder): Promise<string> {
  const path = await optionalFileOf(folder, "adapter_model.safetensors");
  if (path !== undefined) return path;
  if ((await optionalFileOf(folder, "adapter_model.bin")) !== undefined) {
    throw new RetemperError(
      "BAD_INPUT",
      "the adapter is pickled (adapter_model.bin), which can run code when it is read",
      {
        file: folder.path,
        hint: "Load it with PEFT where you trust it, and save it with safe_serialization=True.",
      },
    );
  }
  return fileOf(folder, "adapter_model.safetensors");
}

function sortKeys(tensors: ReadonlyMap<string, StoredTensor>, file: string): AdapterContents {
  const factors = new Map<string, Factors>();
  const bases = new Map<string, StoredTensor>();
  const saved = new Map<string, { tensor: StoredTensor; wrapped: boolean }>();
  const unknown: string[] = [];
  const faults: string[] = [];
  for (const [key, tensor] of tensors) {
    if (!/^(F|BF)/.test(tensor.dtype)) faults.push(`${key} is ${tensor.dtype}, not floating point`);
    const parsed = parseAdapterKey(key);
    if (parsed.kind === "unknown") unknown.push(key);
    else if (parsed.kind === "factor") {
      const module = factors.get(parsed.module) ?? {};
      if (module[parsed.role]) faults.push(`${key} and ${module[parsed.role]?.name} are the same factor`);
      module[parsed.role] = tensor;
      factors.set(parsed.module, module);
    } else if (parsed.kind === "base") bases.set(parsed.name, tensor);
    else if (parsed.kind === "saved") {
      if (saved.has(parsed.name)) faults.push(`${key} and ${saved.get(parsed.name)?.tensor.name} are the same tensor`);
      saved.set(parsed.name, { tensor, wrapped: parsed.wrapped });
    }
  }
  if (faults.length > 0) throw new RetemperError("BAD_INPUT", `The adapter is broken:${listing(faults)}`, { file });
  return { factors, bases, saved, unknown };
}

/** Compares an adapter's contents with its base, tensor by tensor. */
class EffectBuilder {
  readonly effects = new Map<string, AdapterEffect>();
  readonly added = new Map<string, StoredTensor>();
  readonly warnings: string[] = [];
  readonly faults: Faults = { broken: [], unmatched: [], shapes: [] };
  /** A tied head keeps the base's embedding: the adapter replaced the embedding alone. */
  keepsHead = false;
  private readonly base: Checkpoint;
  private readonly settings: AdapterSettings;
  private readonly contents: AdapterContents;
  private readonly configPath: string;
  private readonly embedding: string | undefined;
  private readonly tied: boolean;
  private readonly orientation: Orientation;

  constructor(base: Checkpoint, settings: AdapterSettings, contents: AdapterContents, configPath: string) {
    this.base = base;
    this.settings = settings;
    this.contents = contents;
    this.configPath = configPath;
    this.embedding = embeddingNames(base.tensors).embedding;
    this.tied = isTied(base.tensors, base.config);
    this.orientation = this.usualOrientation();
  }

  build(): this {
    const modules = [...this.contents.factors.keys()];
    const { rank, alpha, rankPattern, alphaPattern } = this.settings;
    const ranks = matchPattern(rankPattern, modules, "rank_pattern", this.configPath);
    const alphas = matchPattern(alphaPattern, modules, "alpha_pattern", this.configPath);
    for (const [module, factors] of this.contents.factors) {
      this.lowRank(module, factors, ranks.get(module) ?? rank, alphas.get(module) ?? alpha);
    }
    for (const [name, { tensor, wrapped }] of this.contents.saved) {
      this.replace(name, tensor, wrapped || this.isModuleToSave(name));
    }
    for (const [name, tensor] of this.contents.bases) {
      const target = this.nameInBase(name);
      // copies of adapted weights go with their low-rank term; biases of bias="all" and "lora_only" stand alone
      if (target === undefined || !this.effects.has(target)) this.replace(name, tensor, false);
    }
    return this;
  }

  /** fan_in_fan_out, unless the shapes of a weight that is not square deny it. */
  private usualOrientation(): Orientation {
    if (!this.settings.fanInFanOut) return "plain";
    for (const [module, { A, B }] of this.contents.factors) {
      const weight = this.base.tensors.get(this.nameInBase(`${module}.weight`) ?? "");
      const seen = weight && A && B && seenOrientation(weight, B, A);
      if (seen) return seen;
    }
    return "transposed";
  }

  private lowRank(module: string, factors: Factors, rank: number, alpha: number): void {
    const left = factors.B ?? factors.embeddingB;
    const right = factors.A ?? factors.embeddingA;
    const isEmbedding = factors.embeddingA !== undefined || factors.embeddingB !== undefined;
    const { magnitude } = factors;
    if (!left || !right || (isEmbedding && (factors.A || factors.B))) {
      this.faults.broken.push(
        `${module}: ${left ? "there is a lora_B without its lora_A" : "there is no lora_B for its lora_A"}`,
      );
      return;
    }
    if (this.settings.dora !== (magnitude !== undefined)) {
      this.faults.broken.push(
        magnitude
          ? `${module}: there is a lora_magnitude_vector, but use_dora is false`
          : `${module}: use_dora is true, but there is no lora_magnitude_vector`,
      );
      return;
    }
    const scale = alpha / (this.settings.rsLora ? Math.sqrt(rank) : rank);
    const target = this.nameInBase(`${module}.weight`) ?? this.tiedHead(`${module}.weight`);
    if (target === undefined) {
      this.faults.unmatched.push(`${module}.weight`);
      return;
    }
    const weight = this.base.tensors.get(target) as StoredTensor;
    const orientation = isEmbedding
      ? "transposed"
      : factorOrientation(weight, left, right, this.orientation, this.base.config);
    const built = lowRankTerm({ weight, left, right, magnitude, rank, scale, orientation });
    if (typeof built === "string") this.faults.shapes.push(built);
    else if (this.effects.has(target)) {
      this.faults.shapes.push(`${target} is adapted twice: as the embedding and as its tied head`);
    } else {
      const base = this.contents.bases.get(`${module}.weight`);
      this.checkShape(target, base);
      this.effects.set(target, { kind: "lowRank", term: built, ...(base ? { base } : {}) });
      if (this.tied && target === this.embedding) {
        this.warnings.push(
          `${target} is also the model's head (tied embeddings): merging changes both, the live adapter changed only ${module}.`,
        );
      }
    }
    if (factors.bias) this.addBias(module, factors.bias, scale);
  }

  /** lora_bias: the bias of B, scaled, goes onto the bias of the layer. */
  private addBias(module: string, bias: StoredTensor, scale: number): void {
    if (!this.settings.loraBias) {
      this.faults.broken.push(`${module}: lora_B has a bias, but lora_bias is false`);
      return;
    }
    const target = this.nameInBase(`${module}.bias`);
    if (target === undefined) {
      this.faults.shapes.push(`${bias.name}: the layer has no bias in the base to add it to`);
      return;
    }
    this.checkShape(target, bias);
    const base = this.contents.bases.get(`${module}.bias`) ?? this.contents.saved.get(`${module}.bias`)?.tensor;
    this.checkShape(target, base);
    this.effects.set(target, { kind: "add", tensor: bias, scale, ...(base ? { base } : {}) });
  }

  private replace(name: string, tensor: StoredTensor, isModule: boolean): void {
    const target = this.nameInBase(name);
    if (target !== undefined) {
      const before = this.effects.get(target);
      if (before?.kind === "add") return; // it is already that sum's base
      this.checkShape(target, tensor);
      if (before?.kind === "lowRank") {
        if (isModule)
          this.faults.shapes.push(`${target} is both replaced and adapted (as the head that is tied to it)`);
        else this.effects.set(target, { base: tensor, ...before });
        return;
      }
      this.effects.set(target, { kind: "replace", tensor });
      if (isModule && this.tied && target === this.embedding && !this.settings.tied) this.keepsHead = true;
    } else if (isModule) this.added.set(name, tensor);
    else {
      // saved with a resized vocabulary: a tied head is the embedding once more
      const head = this.tiedHead(name);
      if (head === undefined) this.faults.unmatched.push(name);
      else if (!this.effects.has(head)) this.replace(head, tensor, false);
    }
  }

  /** The base's embedding, for the name of its head where that is the same tensor. */
  private tiedHead(name: string): string | undefined {
    return this.tied && /(^|\.)(lm_head|embed_out|output_layer)\.weight$/.test(name) ? this.embedding : undefined;
  }

  private nameInBase(name: string): string | undefined {
    return checkpointNames(name).find((candidate) => this.base.tensors.has(candidate));
  }

  private isModuleToSave(name: string): boolean {
    const padded = `.${name}`;
    return this.settings.modulesToSave.some((module) => padded.includes(`.${module}.`));
  }

  private checkShape(target: string, tensor: StoredTensor | undefined): void {
    const base = this.base.tensors.get(target) as StoredTensor;
    if (!tensor || shapeText(tensor) === shapeText(base)) return;
    const resized = target === this.embedding ? " (was the adapter trained with a resized vocabulary?)" : "";
    this.faults.shapes.push(
      `${tensor.name} is ${shapeText(tensor)}, ${target} of the base is ${shapeText(base)}${resized}`,
    );
  }
}

function report(
  { broken, unmatched, shapes }: Faults,
  unknown: readonly string[],
  base: Checkpoint,
  file: string,
): void {
  if (broken.length > 0) {
    throw new RetemperError("BAD_INPUT", `The adapter is broken:${listing(broken)}`, {
      file,
      hint: "Save or download the adapter again.",
    });
  }
  if (unknown.length > 0) {
    throw new RetemperError(
      "BAD_INPUT",
      `The adapter holds tensors that a LoRA adapter of PEFT does not have:${listing(unknown)}`,
      {
        file,
        hint: "Their effect is unknown, so they are not left out silently. Merge the adapter with PEFT and use the merged model.",
      },
    );
  }
  if (unmatched.length > 0) {
    const lines = nearestNames(unmatched, base.tensors.keys());
    throw new RetemperError("INCOMPATIBLE", `The base ${base.reference} has no such tensors:${listing(lines)}`, {
      file,
      hint: "The adapter belongs to another model: see base_model_name_or_path in its adapter_config.json.",
    });
  }
  if (shapes.length > 0) {
    throw new RetemperError("INCOMPATIBLE", `The adapter does not fit the base ${base.reference}:${listing(shapes)}`, {
      file,
      hint: "The adapter belongs to another model: see base_model_name_or_path in its adapter_config.json.",
    });
  }
}

/** Files and tensors of the result. Where only a tied embedding was replaced, the head stays what it was: a copy of the base's. */
function untied(merged: EffectBuilder, base: Checkpoint, file: StoredFile): Omit<Adapter, "folder" | "config"> {
  const { effects, added, warnings } = merged;
  const files = [file];
  const embedding = embeddingNames(base.tensors).embedding;
  const original = embedding === undefined ? undefined : base.tensors.get(embedding);
  if (merged.keepsHead && original && ![...added.keys()].some((name) => name.endsWith("lm_head.weight"))) {
    files.push(base.files[original.file] as StoredFile);
    added.set("lm_head.weight", { ...original, name: "lm_head.weight", file: 1 });
    warnings.push(`${embedding} was tied to the head and is replaced alone: lm_head.weight keeps the base's values.`);
  }
  return { files, effects, added, ...(warnings.length > 0 ? { warnings } : {}) };
}
