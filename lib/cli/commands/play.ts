// `retemper play`: a page in the browser on which lambda is moved and the answer changes.

import type { Command } from "commander";
import { readPlayed } from "../../index.js";
import { openBrowser } from "../openBrowser.js";
import { addPageOptions, openPage } from "../pageFlags.js";
import type { Session } from "../session.js";
import { addServerOptions, type ServeFlags, serveModel } from "./serve.js";

const HELP = `
On the page: a prompt, and its answers at several lambdas side by side, as they are made; how probable a refusal is at every lambda;
how probable each token was, and what a judge says of the answers. It loads nothing from anywhere else.

The same server answers /v1 too, as retemper serve does. Of an experiment's folder, the page has its curve, and the series of its choice
can be talked with at any lambda.

Examples:
  retemper play recipe.yml
  retemper play recipe.yml --prompts questions.jsonl --set measured.jsonl
  retemper play results/ --judge wildguard
  retemper play base+adapter --no-open`;

export function addPlayCommand(program: Command, session: Session): Command {
  const command = program
    .command("play")
    .summary("a page on which lambda is moved and the answer changes")
    .description("Opens a page in the browser on which lambda is moved and the answer changes: retemper serve --ui.")
    .argument("<source>", "recipe, model, model+adapter, or the output folder of retemper run")
    .addHelpText("after", HELP);
  addServerOptions(command, 0);
  command.optionsGroup("The page:").option("--no-open", "do not open the browser");
  addPageOptions(command);
  return command.action(async (path: string, { open, ...flags }: ServeFlags & { readonly open: boolean }) => {
    const played = await readPlayed(path);
    const page = await openPage(flags, session, played);
    const opened = (url: string) => {
      if (open && !session.renderer.json) openBrowser(url, session);
    };
    await serveModel(played, flags, session, page, opened);
  });
}
