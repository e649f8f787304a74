// The quantisations of GGUF files in blocks, and weights of whole numbers, as options name them.

import type { BlockQuantisation } from "../entries/generate.js";
import type { GgufQuantisation } from "../entries/merge.js";

export const BLOCKS: readonly GgufQuantisation[] = ["q8_0", "q4_0", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k"];

export const INTEGERS: readonly BlockQuantisation[] = ["int8", "int4", "int4_64", "int4_128"];
