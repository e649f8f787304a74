// What an adapter does to each tensor of its base: its contents and its settings, compared with the base's names and shapes.

import type { AdapterSettings } from "./adapterConfig.js";
import type { AdapterContents, Factors } from "./adapterContents.js";
import { checkpointNames } from "./adapterKeys.js";
import { matchPattern } from "./adapterPatterns.js";
import { factorOrientation, lowRankTerm, type Orientation, seenOrientation, shapeText } from "./adapterShapes.js";
import { expertEffects } from "./expertEffects.js";
import { embeddingNames, isTied } from "./families.js";
import type { AdapterEffect, Checkpoint, StoredTensor } from "./types.js";

/** Collects what is wrong, so that one error can report all of it. */
export interface Faults {
  readonly broken: string[];
  readonly unmatched: string[];
  readonly shapes: string[];
}

/** Compares an adapter's contents with its base, tensor by tensor. */
export class AdapterEffects {
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
    const experts = expertEffects(this.contents, this.settings, this.base, this.configPath);
    for (const kind of ["broken", "unmatched", "shapes"] as const) this.faults[kind].push(...experts[kind]);
    for (const [name, term] of experts.terms) {
      if (this.effects.has(name)) this.faults.shapes.push(`${name} is adapted twice: alone and with all experts`);
      this.effects.set(name, { kind: "lowRank", term });
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
      // saved with a resized vocabulary: a tied head is a second copy of the embedding
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
