// `retemper init`: a commented experiment.yml to start from.

import { writeFile } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { EXPERIMENT_TEMPLATE, experimentJsonSchema, RetemperError } from "../../index.js";
import { addCommonOptions, type Session } from "../session.js";

export function addInitCommand(program: Command, session: Session): Command {
  const command = program
    .command("init")
    .summary("write a commented experiment.yml to start from")
    .description("Writes an experiment with a word on every line.")
    .argument("[file]", "where", "experiment.yml")
    .option("--schema", "write the JSON Schema for editors instead")
    .option("--force", "replace a file that exists");
  addCommonOptions(command);
  return command.action(async (file: string, flags: { readonly schema?: boolean; readonly force?: boolean }) => {
    const text = flags.schema
      ? `${JSON.stringify(experimentJsonSchema(), null, 1)}\n`
      : `${schemaLine(file)}\n${EXPERIMENT_TEMPLATE}`;
    await writeFile(file, text, { flag: flags.force ? "w" : "wx" }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw new RetemperError("IO", error.message, { file, cause: error });
      throw new RetemperError("OUTPUT_EXISTS", "this file exists", { file, hint: "--force replaces it" });
    });
    session.renderer.result({ file }, `${file}: fill it in, then retemper run ${file}`);
  });
}

const SCHEMA = fileURLToPath(new URL("../../experiment.schema.json", import.meta.url));

/**
 * What editors with the YAML language server read: completion, words on every key, and wrong ones underlined. The schema that
 * came with this package is named from the file where both are of one project, else by its whole path.
 */
function schemaLine(file: string): string {
  const near = relative(dirname(resolve(file)), SCHEMA)
    .split(sep)
    .join("/");
  return `# yaml-language-server: $schema=${/^(\.\.\/)*node_modules\//.test(near) ? near : SCHEMA}`;
}
