// Changes that are of no low rank: the nearest product of the rank that was asked for, a matrix at a time.

import { RetemperError } from "../../errors.js";
import type { AdapterPieces, AdapterWork } from "./adapterWork.js";

/** Factors what has no terms. */
export async function approximateAll({ plan }: AdapterWork): Promise<AdapterPieces> {
  if (plan.lowRank.some(({ terms }) => !terms)) throw new RetemperError("INTERNAL", "not yet");
  return { tensors: [], remainders: [], whole: [], saved: [], biases: false, bytesRead: 0 };
}
