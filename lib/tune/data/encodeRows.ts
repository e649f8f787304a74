// Training rows, from wherever they are, as token ids.

import type { DecoderSpec } from "../../nn/ops/specs.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import type { TuneSettings } from "../settings.js";
import type { TuneRow } from "../types.js";
import { cutEnd, cutInProportion } from "./cutRows.js";
import { type Encoded, encodeSamples } from "./encodeSamples.js";
import { readSamples } from "./readRows.js";

/** Rows of any form as token ids; what is wrong with one names its place. */
export async function encodeRows(
  data: string | readonly TuneRow[],
  folder: string,
  spec: DecoderSpec,
  { system, cutoff, paperExact }: Pick<TuneSettings, "system" | "cutoff" | "paperExact">,
): Promise<Encoded> {
  const samples = await readSamples(data, system);
  const hasText = samples.some(({ kind }) => kind === "messages");
  const tokenizer = hasText ? await openTokenizer(folder) : undefined;
  const longest = Math.min(cutoff, spec.maxPositions);
  return encodeSamples(samples, {
    tokenizer,
    stopTokens: spec.stopTokens,
    vocabulary: spec.vocabulary,
    cutoff: longest,
    cut: paperExact ? cutInProportion : cutEnd,
  });
}
