// The quantisations of GGUF files in blocks, as options name them.

import type { GgufQuantisation } from "../entries/merge.js";

export const BLOCKS: readonly GgufQuantisation[] = ["q8_0", "q4_0", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k"];
