// A model that is to be tuned, from its headers alone: what it is made of, and which of its modules learn.

import type { Addon } from "../addon/surface.js";
import { locate } from "../checkpoint/locate.js";
import { openCheckpoint } from "../checkpoint/open.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { decoderSpec } from "../nn/families/decoderSpec.js";
import { stopTokensOf } from "../nn/families/stopTokens.js";
import type { DecoderSpec } from "../nn/ops/specs.js";
import { linearModules, type Selection, selectModules } from "./adapter/modules.js";
import { settingsOf, type TuneSettings } from "./settings.js";
import type { TuneOptions } from "./types.js";

export interface TunedModel {
  /** Where its files are. */
  readonly folder: string;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  /** With what the model's family changes of the defaults. */
  readonly settings: TuneSettings;
  readonly selection: Selection;
}

/** @throws RetemperError for a model that cannot be opened or computed, and for settings and modules that there are not */
export async function openTunedModel(model: string, options: TuneOptions, addon: Addon): Promise<TunedModel> {
  const folder = await locate({ path: model });
  const checkpoint = await openCheckpoint(model, { addon });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const settings = settingsOf(options, spec.family);
  return { folder, checkpoint, spec, settings, selection: selectModules(linearModules(spec), settings.targetModules) };
}
