// `retemper convert IN OUT`: one model in another format or dtype.

import { type Command, Option } from "commander";
import { type ConvertOptions, convert } from "../../entries/merge.js";
import { downloading } from "../downloading.js";
import { addCommonOptions, type Session } from "../session.js";
import { addMergeOptions, describeMerge, type MergeFlags, mergeOptions } from "./merge.js";
import { addFormatOptions, addResourceOptions, parseDtype } from "./plan.js";

const EXAMPLES = `
Examples:
  retemper convert out gguf --format gguf --quantise q4_k_m
  retemper convert out fp8 --format fp8
  retemper convert org/model model-f16 --dtype float16
  retemper convert model+adapter merged
  retemper convert model.gguf model --dtype bfloat16`;

export function addConvertCommand(program: Command, session: Session): Command {
  const command = program
    .command("convert")
    .summary("write a model in another format or dtype")
    .description("Writes one model in another format or dtype, in the memory of a merge, all of it or nothing.")
    .argument("<in>", "model: folder, hub id, or model+adapter")
    .argument("<out>", "output folder; must not exist or be empty, unless --force")
    .addHelpText("after", EXAMPLES)
    .optionsGroup("What is written:");
  addFormatOptions(command);
  command.addOption(
    new Option(
      "--dtype <dtype>",
      "of safetensors: bfloat16, float16, float32 or float64 (default: as it is)",
    ).argParser(parseDtype),
  );
  addMergeOptions(command);
  addResourceOptions(command);
  addCommonOptions(command);
  return command.action(
    async (model: string, out: string, flags: MergeFlags & { readonly dtype?: ConvertOptions["dtype"] }) => {
      const { renderer, signal } = session;
      const { format: _merge, ...options } = mergeOptions(flags);
      const report = await convert(model, out, {
        ...options,
        format: flags.format === "gguf" || flags.format === "fp8" ? flags.format : "safetensors",
        hub: downloading(session),
        dtype: flags.dtype,
        signal,
        onProgress: (progress) => renderer.progress(progress),
      });
      for (const warning of report.warnings) renderer.warn(warning);
      renderer.result(report, describeMerge(report));
    },
  );
}
