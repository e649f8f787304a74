// What is known of the two models that are compared, before anything is asked of them.

import type { JsonObject } from "../../checkpoint/json.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import type { Endpoint } from "../../endpoint/endpoint.js";
import type { ServerSays } from "../../endpoint/serverSays.js";
import type { Model } from "../../generate/types.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import type { Recipe } from "../../recipe/types.js";
import type { FoundTemplate } from "../../tokenizer/chatTemplate.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { SideFacts } from "../types.js";

/** A straight line in the space of weights: origin + scale (end - origin). */
export interface Line {
  readonly what: "adapter" | "fine-tuned model";
  /** References of models whose tensors are stored. */
  readonly origin: string;
  readonly end: string;
  /** Where on it the side is. */
  readonly scale: number;
  /** As adapter_config.json names the adapter's base. */
  readonly baseName?: string | undefined;
}

/** A model whose files are here. */
export interface LocalSide {
  readonly kind: "local";
  readonly facts: SideFacts;
  readonly source: string | Recipe;
  readonly lambda: number | undefined;
  /** Holds its configuration, tokenizer and template; of a merge that is not written, made for it. */
  readonly folder: string;
  /** Names, shapes and dtypes of its tensors; of a merge, as it would be written. */
  readonly checkpoint: Checkpoint;
  /** generation_config.json; {} where there is none. */
  readonly generation: JsonObject;
  readonly template: FoundTemplate | undefined;
  readonly tokenizer: Tokenizer;
  readonly stopTokens: readonly number[];
  /** How it computes; undefined for a family that is not known here. */
  readonly spec: DecoderSpec | undefined;
  /** The reference under which its tensors are stored: a folder, or a base with an adapter; undefined for other merges. */
  readonly stored: string | undefined;
  readonly line: Line | undefined;
  open(): Promise<Model>;
  close(): Promise<void>;
}

/** A model that only answers. */
export interface ServerSide {
  readonly kind: "server";
  readonly facts: SideFacts;
  /** What it tells of itself beside answers. */
  readonly says: ServerSays;
  /** @param extra fields of every request; those that are undefined are not sent, whatever else would be */
  open(extra: Readonly<Record<string, unknown>>): Endpoint;
  close(): Promise<void>;
}

export type Side = LocalSide | ServerSide;
