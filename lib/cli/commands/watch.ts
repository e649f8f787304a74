// `retemper watch DIR`: shows a run in a browser while it goes on.

import { type Command, InvalidArgumentError } from "commander";
import { watch } from "../../index.js";
import { parseInteger } from "../quantities.js";
import { repeated } from "../repeated.js";
import { addCommonOptions, type Session } from "../session.js";

interface WatchFlags {
  readonly host: string;
  readonly port: number;
  readonly allowedHost?: readonly string[];
}

export function addWatchCommand(program: Command, session: Session): Command {
  const command = program
    .command("watch")
    .summary("show a run in a browser while it goes on")
    .description("Serves a page with the steps and numbers of a run so far, and its report once it is done.")
    .argument("<folder>", "output folder of a run")
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--port <n>", "0: any that is free", parsePort, 0)
    .option("--allowed-host <name>", "a further name that browsers may call it by (may be repeated)", repeated);
  addCommonOptions(command);
  return command.action(async (folder: string, { allowedHost, ...flags }: WatchFlags) => {
    const { renderer, signal } = session;
    const server = await watch(folder, { ...flags, allowedHosts: allowedHost });
    const event = { event: "listening", url: server.url };
    if (renderer.json) renderer.event(event);
    else renderer.answer(`${server.url}\n`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await server.close();
    renderer.result({ url: server.url }, "");
  });
}

function parsePort(text: string): number {
  const port = parseInteger(0)(text);
  if (port > 65_535) throw new InvalidArgumentError("The last port is 65535.");
  return port;
}
