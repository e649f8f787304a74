// The package indexes that pip would ask, for machines without pip: the same variables and files, so that a mirror that is
// configured for pip is used here too.

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const PYPI = "https://pypi.org/simple";

export interface PipSources {
  /** Default: process.env. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** pip's configuration files, the strongest last. Default: those of this machine. */
  readonly files?: readonly string[] | undefined;
}

/**
 * Addresses of simple indexes in the order to ask them: index-url, then each extra-index-url. The environment is stronger
 * than files, and a [download] section than [global].
 * @see https://pip.pypa.io/en/stable/topics/configuration/
 */
export function packageIndexes({ env = process.env, files = configurationFiles(env) }: PipSources = {}): string[] {
  const settings = new Map<string, string>();
  const contents = files.map(read);
  for (const section of ["global", "download"]) {
    for (const text of contents) for (const [key, value] of sectionOf(text, section)) settings.set(key, value);
  }
  const index = env.PIP_INDEX_URL || settings.get("index-url") || PYPI;
  const extra = env.PIP_EXTRA_INDEX_URL || settings.get("extra-index-url") || "";
  const addresses = [index, ...extra.split(/\s+/)].filter((address) => /^https?:\/\//.test(address));
  return [...new Set(addresses.map((address) => address.replace(/\/+$/, "")))];
}

function configurationFiles(env: Readonly<Record<string, string | undefined>>): string[] {
  if (env.PIP_CONFIG_FILE === "/dev/null") return [];
  const home = homedir();
  const system = (env.XDG_CONFIG_DIRS || "/etc/xdg").split(":").map((folder) => join(folder, "pip/pip.conf"));
  return [
    ...system.toReversed(),
    "/etc/pip.conf",
    join(home, ".pip/pip.conf"),
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "pip/pip.conf"),
    ...(env.VIRTUAL_ENV ? [join(env.VIRTUAL_ENV, "pip.conf")] : []),
    ...(env.PIP_CONFIG_FILE ? [env.PIP_CONFIG_FILE] : []),
  ];
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // most of these files do not exist on most machines
  }
}

/** key = value of one section; lines that begin with blanks continue the value above, as Python's configparser has it. */
function* sectionOf(text: string, wanted: string): Generator<[key: string, value: string]> {
  let inside = false;
  let entry: [string, string] | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\[(.+)\]\s*$/.exec(line);
    if (header === null && entry !== undefined && /^\s/.test(line)) {
      entry[1] = `${entry[1]} ${line.trim()}`.trim();
      continue;
    }
    if (entry !== undefined) yield entry;
    entry = undefined;
    if (header !== null) inside = header[1] === wanted;
    const [, key, value] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (inside && header === null && key !== undefined) entry = [key.toLowerCase().replaceAll("_", "-"), value ?? ""];
  }
  if (entry !== undefined) yield entry;
}
