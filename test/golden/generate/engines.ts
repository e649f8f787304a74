// The engines that the golden tests of generation run on. Every one of them runs the same tests.

import { join } from "node:path";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import type { Checkpoint } from "../../../lib/checkpoint/types.js";
import { RetemperError } from "../../../lib/errors.js";
import { openDecoder } from "../../../lib/nn/openDecoder.js";
import type { AssembledDecoder } from "../../../lib/nn/ops/assembleDecoder.js";
import { casesOf } from "../../long.js";

export type TestedEngine = Parameters<typeof openDecoder>[1];

export const MODELS_FOLDER = join(import.meta.dirname, "..", "models");

export const open = (folder: string): Promise<Checkpoint> => openCheckpoint(folder, { addon: loadAddon() });

/** `config`: taken instead of the folder's own config.json. */
export async function openOn(
  engine: TestedEngine,
  folder: string,
  config?: Record<string, unknown>,
): Promise<AssembledDecoder> {
  const checkpoint = await open(folder);
  return openDecoder(config ? { ...checkpoint, config } : checkpoint, engine);
}

/** Engine -> why it cannot run here, undefined where it can. Only what may be absent from a machine may be skipped. */
export const ENGINES: readonly (readonly [TestedEngine, string | undefined])[] = [
  ["reference", undefined],
  ["native", undefined],
  ["tensorflow", await whyNot("tensorflow")],
];

/**
 * What an engine is given: native everything; by default the others, of which the reference computes the same a hundred times
 * more slowly, what stands for the rest; in the long form of the tests all.
 */
export function casesOn<T>(engine: TestedEngine, all: readonly T[], onOthers: readonly T[]): readonly T[] {
  return engine === "native" ? all : casesOf(all, onOthers);
}

/** The reason in words, for engines that have to be set up first. */
async function whyNot(engine: TestedEngine): Promise<string | undefined> {
  try {
    (await openOn(engine, join(MODELS_FOLDER, "llama"))).dispose();
    return undefined;
  } catch (error) {
    if (error instanceof RetemperError) return error.message.split("\n", 1)[0];
    throw error;
  }
}
