// `retemper init`: a commented experiment.yml to start from.

import { existsSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import { EXPERIMENT_TEMPLATE, experimentJsonSchema, RetemperError, STUDY_TEMPLATE } from "../../index.js";
import { addCommonOptions, type Session } from "../session.js";

const HELP = `
The first line names the experiment's JSON Schema for editors, as a path from the file: the one of the package where that lies in
the project's node_modules, else a copy that is written beside the file. Keep the two together.`;

interface InitFlags {
  readonly schema?: boolean;
  readonly study?: boolean;
  readonly force?: boolean;
}

export function addInitCommand(program: Command, session: Session): Command {
  const command = program
    .command("init")
    .summary("write a commented experiment.yml to start from")
    .description("Writes an experiment with a comment on every line.")
    .argument("[file]", "where (default experiment.yml, or study.yml)")
    .addHelpText("after", HELP)
    .option("--schema", "write the JSON Schema for editors instead")
    .option("--study", "write a study.yml instead: several tasks and models, see retemper study --help")
    .option("--force", "replace a file that exists");
  addCommonOptions(command);
  return command.action(async (given: string | undefined, flags: InitFlags) => {
    const file = given ?? (flags.study ? "study.yml" : "experiment.yml");
    if (flags.study) {
      await write(file, STUDY_TEMPLATE, flags.force);
      session.renderer.result({ file }, `${file}: fill it in, then retemper study run ${file}`);
      return;
    }
    if (flags.schema) {
      await write(file, schemaText(), flags.force);
      session.renderer.result({ file }, file);
      return;
    }
    const packaged = inNodeModules(file);
    // What editors with the YAML language server read; it takes a relative path from the file's own folder.
    const line = `# yaml-language-server: $schema=${packaged ?? `./${SCHEMA_NAME}`}`;
    await write(file, `${line}\n${EXPERIMENT_TEMPLATE}`, flags.force);
    const schema = packaged === undefined ? join(dirname(file), SCHEMA_NAME) : undefined;
    if (schema !== undefined) await write(schema, schemaText(), flags.force || (await isOurs(schema)));
    session.renderer.result({ file, schema }, `${file}: fill it in, then retemper run ${file}`);
  });
}

const SCHEMA = fileURLToPath(new URL("../../experiment.schema.json", import.meta.url));
const SCHEMA_NAME = "experiment.schema.json";
const schemaText = () => `${JSON.stringify(experimentJsonSchema(), null, 1)}\n`;

/** The way from a file to the package's schema, where that is in the node_modules of a folder above the file. */
function inNodeModules(file: string): string | undefined {
  const near = relative(dirname(resolve(file)), SCHEMA)
    .split(sep)
    .join("/");
  return /^(\.\.\/)*node_modules\//.test(near) && !/\s/.test(near) ? near : undefined;
}

/** A schema that an earlier `init`, perhaps of another version, wrote. */
async function isOurs(file: string): Promise<boolean> {
  try {
    const { title } = JSON.parse(await readTextAtMost(file, { most: 2 ** 22, what: "a schema" })) as { title?: string };
    return title === (experimentJsonSchema() as { title?: string }).title;
  } catch {
    return false;
  }
}

async function write(file: string, text: string, force = false): Promise<void> {
  if (!force && existsSync(file)) {
    throw new RetemperError("OUTPUT_EXISTS", "this file exists", { file, hint: "--force replaces it" });
  }
  await writeWhole(file, text, "nothing was written");
}
