// The ids that end a model's own answers.

import { join } from "node:path";
import { textConfig } from "../../checkpoint/families.js";
import { type JsonObject, readJsonObject } from "../../checkpoint/json.js";
import { openFolder, optionalFileOf } from "../../checkpoint/modelFolder.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";

const GENERATION_CONFIG = "generation_config.json";

/**
 * `eos_token_id`, a number or a list, of generation_config.json, else of config.json; none where neither says.
 * @throws RetemperError BAD_INPUT for what is neither.
 */
export async function stopTokensOf({ folder, config }: Checkpoint): Promise<number[]> {
  const path = await optionalFileOf(await openFolder(folder), GENERATION_CONFIG);
  const own = path === undefined ? undefined : await readJsonObject(path);
  if (own?.eos_token_id !== undefined && own.eos_token_id !== null) return idsOf(own, path as string);
  const holder = config.eos_token_id === undefined ? textConfig(config) : config;
  return idsOf(holder, join(folder, "config.json"));
}

function idsOf(config: JsonObject, file: string): number[] {
  const value = config.eos_token_id ?? [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id) => Number.isInteger(id) && (id as number) >= 0)) return ids as number[];
  throw new RetemperError("BAD_INPUT", "eos_token_id is neither a token id nor a list of them", { file });
}
