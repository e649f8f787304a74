#!/usr/bin/env node
// The command `retemper`.

import { runProcess } from "./runProcess.js";

await runProcess({
  name: "retemper",
  manifest: new URL("../../package.json", import.meta.url),
  load: () => import("./program.js"),
});
