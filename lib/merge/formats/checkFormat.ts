// Whether the options of an output's format fit together; before anything is opened.

import { RetemperError } from "../../errors.js";
import { ggufQuantisation } from "../../plan/gguf/quantise.js";
import type { PlanOptions } from "../options.js";

const FORMATS = ["safetensors", "gguf", "adapter"];

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
  if (format !== "gguf") return;
  if (outShardSize !== undefined) {
    throw new RetemperError("USAGE", "a GGUF file is one file, whatever its size", {
      hint: "leave --out-shard-size out",
    });
  }
  if ((others as { readonly outAdapter?: boolean }).outAdapter) {
    throw new RetemperError("USAGE", "scaled adapters are written as safetensors", {
      hint: "leave --format gguf or --out-adapter out",
    });
  }
}
