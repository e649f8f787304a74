// Runs one command line of a tree of commands: help, version, exit status, and commander's own failures as usage errors.

import { Command, CommanderError } from "commander";
import { RetemperError } from "../entries/merge.js";
import { lacksOpenFiles } from "./openFiles.js";
import type { Session } from "./session.js";

/** What a program is made of: `retemper` has all commands, `retemper-core` those of merging. */
export interface CommandTree {
  readonly name: string;
  readonly description: string;
  /** Shown after the help. */
  readonly helpAfter: string;
  /** By their names, in the order of the help; loaded when they are needed, since all of them take longer to load than a merge. */
  readonly commands: Readonly<Record<string, () => Promise<AddCommand>>>;
}

/** Adds one command, or one that has several below it. */
export type AddCommand = (program: Command, session: Session) => Command | readonly Command[];

/** The exit status of a command whose reader went away, as shells say it (128 + SIGPIPE). */
export const READER_LEFT = 141;

/** Runs one command line; resolves to the exit status. Rejects only where the command's own files cannot be loaded. */
export async function runCommandLine(
  tree: CommandTree,
  given: readonly string[],
  version: string,
  session: Session,
): Promise<number> {
  const args = withoutHelp(tree, given);
  const program = buildProgram(tree, await commandsOf(tree, args), version, session);
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (lacksOpenFiles(error)) throw error;
    const stopped = session.stopStatus();
    if (stopped === READER_LEFT) return stopped; // nobody reads the error
    if (!(error instanceof CommanderError)) return session.renderer.error(error, stopped);
    if (error.exitCode === 0) return 0; // --help, --version
    if (error.code === "commander.help") return 2; // no command: the help is on stderr already
    const message = error.message.replace(/^error: /, "");
    return session.renderer.error(
      new RetemperError("USAGE", message, { hint: `${tree.name} COMMAND --help lists what there is` }),
    );
  }
}

/** `help merge` as `merge --help`. Of a command that there is not only its name is left: the help would be that of all commands. */
function withoutHelp({ commands }: CommandTree, given: readonly string[]): readonly string[] {
  const args = given[0] === "help" ? [...given.slice(1), "--help"] : given;
  const [name = "-"] = args;
  return name.startsWith("-") || Object.hasOwn(commands, name) ? args : [name];
}

/** The command that is named, or all of them: for the help, and to say which is like one that there is not. */
function commandsOf({ commands }: CommandTree, [first = ""]: readonly string[]): Promise<AddCommand[]> {
  const named = Object.hasOwn(commands, first) ? [commands[first] as () => Promise<AddCommand>] : undefined;
  return Promise.all((named ?? Object.values(commands)).map((load) => load()));
}

function buildProgram(tree: CommandTree, commands: readonly AddCommand[], version: string, session: Session): Command {
  const program = new Command(tree.name)
    .description(tree.description)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .addHelpText("after", tree.helpAfter)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.write(text),
      writeErr: (text) => session.writeError(text),
      outputError: () => {}, // rendered by runCommandLine, with the exit status
    })
    .configureHelp({ showGlobalOptions: false });
  let verbose = 0;
  program.hook("preAction", (_, command) => {
    const { json, quiet } = command.opts<{ json?: boolean; quiet?: boolean }>();
    session.renderer.configure({ json, quiet, verbose });
  });
  for (const command of commands.flatMap((add) => add(program, session))) {
    command.on("option:verbose", () => {
      verbose += 1;
    });
  }
  return program;
}
