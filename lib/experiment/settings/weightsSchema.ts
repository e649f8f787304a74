// In which weights models are multiplied: what an experiment may say of it.

import { z } from "zod";
import type { WeightsForm } from "../../generate/types.js";

const WEIGHTS = ["asStored"] as const satisfies readonly WeightsForm[];

export const weightsSchema = z.enum(WEIGHTS);
