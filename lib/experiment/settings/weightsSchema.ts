// In which weights models are multiplied: what an experiment may say of it.

import { z } from "zod";
import { BLOCK_QUANTISATIONS } from "../../merge/formats/gguf/inBlocks.js";

export const weightsSchema = z.enum(["asStored", ...BLOCK_QUANTISATIONS]);
