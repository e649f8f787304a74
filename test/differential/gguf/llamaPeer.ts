// llama.cpp as the shared libraries of an npm package (`npm run setup:peers`), for tests that compare with it where it is.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of the libraries: RETEMPER_LLAMA, else in the folder that RETEMPER_PEERS names, else in the user's cache. */
export function llamaFolder(): string {
  if (process.env.RETEMPER_LLAMA) return process.env.RETEMPER_LLAMA;
  const peers = process.env.RETEMPER_PEERS ?? join(homedir(), ".cache", "retemper-peers");
  const name = `linux-${process.arch}`;
  return join(peers, "llama", "node_modules", "@node-llama-cpp", name, "bins", name);
}

/** Why llama.cpp cannot run here; undefined where it can. */
export function whyNoLlama(): string | undefined {
  if (process.platform !== "linux") return "the libraries of llama.cpp that tests load are Linux's";
  return existsSync(llamaFolder()) ? undefined : "no llama.cpp: npm run setup:peers";
}
