#!/usr/bin/env node
// The command `retemper-core`: what the package `@retemper/core` has of `retemper`.

import { runProcess } from "./runProcess.js";

await runProcess({
  name: "retemper-core",
  manifest: new URL("../../package.json", import.meta.url),
  load: () => import("./coreProgram.js"),
});
