// Which names a server answers to. A page of somewhere else can have its own name point to this machine (DNS rebinding); its
// browser then takes what it reads here for the page's own. Only the Host header tells.

import { isIP } from "node:net";
import { RetemperError } from "../errors.js";

export interface HostNames {
  /** What the server listens on. */
  readonly host: string;
  /** Further names, as a proxy or the network knows the server by; "*" for any. */
  readonly allowed?: readonly string[] | undefined;
}

/**
 * A test of Host headers: the loopback's names, the address that is listened on, and `allowed`. Where that address is one of
 * several (0.0.0.0, ::, a name), any numeric address passes too: no page has one that is not its own.
 * @throws RetemperError USAGE for a name that is none
 */
export function hostCheck({ host, allowed = [] }: HostNames): (header: string | undefined) => boolean {
  const names = new Set(["localhost", "::1", plain(host)]);
  for (const name of allowed) {
    if (!/^(\*|[\w.-]+)$/.test(name) && isIP(plain(name)) === 0) {
      throw new RetemperError("USAGE", `${JSON.stringify(name)} cannot be a server's name in a request`, {
        hint: "give a name without http:// and port, such as models.example.org, or *",
      });
    }
    names.add(plain(name));
  }
  const own = plain(host);
  const numeric = own !== "localhost" && (isIP(own) === 0 || own === "0.0.0.0" || own === "::");
  return (header) => {
    if (header === undefined || names.has("*")) return true; // browsers always send one
    const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(header.trim()) ?? [];
    const asked = plain(name);
    return names.has(asked) || /^127\.\d+\.\d+\.\d+$/.test(asked) || (numeric && isIP(asked) !== 0);
  };
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}
