// Where the established libraries are that workloads are measured beside (`npm run setup:peers`).

import { homedir } from "node:os";
import { join } from "node:path";

/** The folder that RETEMPER_PEERS names, else the one in the user's cache. */
export const peers = process.env.RETEMPER_PEERS ?? join(homedir(), ".cache", "retemper-peers");

/** RETEMPER_PYTHON, else the interpreter of that folder, whether it is there or not. */
export const python = process.env.RETEMPER_PYTHON ?? join(peers, "v", "bin", "python");
