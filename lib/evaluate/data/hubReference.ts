// Names of data sets on the hub, as fsspec writes them: hf://datasets/org/name[@revision][/path][?config=…&split=…].

import { RetemperError } from "../../errors.js";
import { checkPath } from "../../hub/snapshot.js";

export interface HubReference {
  readonly dataset: string;
  /** "main" by default. A slash in it is written %2F. */
  readonly revision: string;
  /** One file; without it, the Parquet files of a configuration and split. */
  readonly path?: string | undefined;
  readonly config?: string | undefined;
  readonly split?: string | undefined;
}

/** @throws RetemperError USAGE */
export function parseHubReference(text: string): HubReference {
  const match = /^hf:\/\/datasets\/([\w.-]+\/[\w.-]+)(?:@([^/?#]+))?(?:\/([^?#]+))?(?:\?([^#]*))?$/.exec(text);
  if (!match) {
    throw new RetemperError("USAGE", `${JSON.stringify(text)} does not name a data set on the hub.`, {
      hint: "write hf://datasets/org/name, with @revision, /path/in/it or ?config=NAME&split=NAME as needed",
    });
  }
  const [, dataset = "", revision, path, query] = match;
  const settings = new URLSearchParams(query);
  for (const name of settings.keys()) {
    if (name !== "config" && name !== "split") {
      throw new RetemperError("USAGE", `${text}: ${name} is neither config nor split.`);
    }
  }
  const branch = revision === undefined ? "main" : decodeURIComponent(revision);
  checkPath(dataset);
  checkPath(branch);
  if (path !== undefined) checkPath(path);
  return {
    dataset,
    revision: branch,
    path,
    config: settings.get("config") ?? undefined,
    split: settings.get("split") ?? undefined,
  };
}
