// Opens a page in the browser that its user has chosen, by the system's own command.

import { spawn } from "node:child_process";
import { platform } from "node:os";
import type { Session } from "./session.js";

/** What opens an address; undefined where nobody would see it, as on a machine without a screen. */
export function openerOf(
  system: NodeJS.Platform,
  env: Session["env"],
): { readonly command: string; readonly args: readonly string[] } | undefined {
  if (system === "darwin") return { command: "open", args: [] };
  if (system === "win32") return { command: "rundll32", args: ["url.dll,FileProtocolHandler"] }; // no shell reads the address
  if (env.DISPLAY || env.WAYLAND_DISPLAY) return { command: "xdg-open", args: [] };
  return undefined;
}

/** Where it cannot be opened, the address stands on the screen all the same. */
export function openBrowser(url: string, { env, renderer }: Session): void {
  const opener = openerOf(platform(), env);
  if (opener === undefined) {
    renderer.note("there is no screen here: open the page in a browser yourself");
    return;
  }
  const child = spawn(opener.command, [...opener.args, url], { stdio: "ignore", detached: true });
  child.on("error", () => renderer.note("no browser could be opened: open the page yourself"));
  child.unref();
}
