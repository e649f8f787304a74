// `npm run setup:tensorflow [-- --cuda]`: the command `retemper setup-tensorflow` of this checkout.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = join(root, "dist/cli/main.js");
const { status, signal } = spawnSync(process.execPath, [command, "setup-tensorflow", ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exitCode = status ?? (signal === "SIGINT" ? 130 : 143);
