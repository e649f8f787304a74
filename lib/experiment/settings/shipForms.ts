// What `ship` of an experiment means: the forms in which the merge to ship is written, each with how far its answers may differ.

import type { GgufQuantisation } from "../../plan/gguf/quantise.js";
import type { ExperimentSettings } from "./schema.js";
import type { DTYPES, FORMATS, ShipEntry } from "./shipSchema.js";

/** One form of the merge to ship. */
export interface ShipForm {
  /** For people: "gguf q4_k_m". */
  readonly name: string;
  readonly format: (typeof FORMATS)[number];
  readonly quantise?: GgufQuantisation | undefined;
  readonly dtype?: (typeof DTYPES)[number] | undefined;
  readonly rank?: number | undefined;
  /** Whether it is measured on the test data. */
  readonly test: boolean;
  /** Whether the aligned and the fine-tuned models are measured in this form too. */
  readonly allModels: boolean;
  /** Nats a token. */
  readonly tolerance: number;
}

/** In the experiment's order. */
export function shipForms({ ship = [] }: Pick<ExperimentSettings, "ship">): ShipForm[] {
  return ship.map((entry): ShipForm => {
    const {
      format,
      quantise,
      dtype,
      rank,
      tolerance,
      test = true,
      allModels = false,
    } = typeof entry === "string" ? meaningOf(entry) : entry;
    const own = [quantise, dtype, rank === undefined ? undefined : `rank ${rank}`].filter((one) => one !== undefined);
    const what = { ...(quantise && { quantise }), ...(dtype && { dtype }), ...(rank !== undefined && { rank }) };
    return {
      name: [format, ...own].join(" "),
      format,
      ...{ ...what, test, allModels },
      tolerance: tolerance ?? usualTolerance(format === "fp8" ? format : quantise, rank),
    };
  });
}

/** Whether a form is the written merge itself, of which no other files are made. */
export function isWrittenMerge({ format, dtype }: Pick<ShipForm, "format" | "dtype">): boolean {
  return format === "safetensors" && dtype === undefined;
}

function meaningOf(text: string): ShipEntry {
  const [format, quantise] = text.split(":") as [ShipForm["format"], GgufQuantisation | undefined];
  return { format, ...(quantise && { quantise }) };
}

/** Formats in which every value is rounded by itself. */
const ROUNDED: ReadonlySet<string> = new Set(["f32", "f16", "bf16"]);

/** `compareBehaviour`'s own where values are rounded one by one, ten times that for eight bits, a hundred times for fewer. */
function usualTolerance(type: string | undefined, rank: number | undefined): number {
  if (rank !== undefined) return 0.1;
  if (type === undefined || ROUNDED.has(type)) return 0.001;
  return type === "q8_0" || type === "fp8" ? 0.01 : 0.1;
}
