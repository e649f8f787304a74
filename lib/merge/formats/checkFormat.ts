// Whether the options of an output's format fit together; before anything is opened.

import { RetemperError } from "../../errors.js";
import { ggufQuantisation } from "../../plan/gguf/quantise.js";
import type { PlanOptions } from "../options.js";

const FORMATS = ["safetensors", "gguf", "fp8", "adapter"];

/** @throws RetemperError USAGE */
export function checkFormat({ format, quantise, outShardSize, ...others }: PlanOptions): void {
  if (format !== undefined && !FORMATS.includes(format)) {
    throw new RetemperError("USAGE", `there is no output format ${String(format)}`, {
      hint: `choose ${FORMATS.join(", ")}`,
    });
  }
  if (quantise !== undefined) {
    ggufQuantisation(quantise);
    if (format !== "gguf") {
      throw new RetemperError("USAGE", "only GGUF files are quantised by name", { hint: "add --format gguf" });
    }
  }
  if (format !== "gguf" && format !== "fp8") return;
  if (format === "gguf" && outShardSize !== undefined) {
    throw new RetemperError("USAGE", "a GGUF file is one file, whatever its size", {
      hint: "leave --out-shard-size out",
    });
  }
  if ((others as { readonly outAdapter?: boolean }).outAdapter) {
    throw new RetemperError("USAGE", "scaled adapters are written as safetensors", {
      hint: `leave --format ${format} or --out-adapter out`,
    });
  }
}
