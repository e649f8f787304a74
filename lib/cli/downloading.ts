// What commands show of models that are downloaded on the way.

import type { DownloadOptions } from "../entries/merge.js";
import type { Session } from "./session.js";

/** Notes and progress of downloads, as a command shows them. */
export function downloading({ renderer }: Pick<Session, "renderer">): DownloadOptions {
  return {
    onNote: (text) => renderer.note(text),
    onProgress: (progress) => renderer.progress(progress),
  };
}
