// `npm run docs`: the API reference of the library, made of the sources' comments, in build/docs. A warning is a failure:
// a type that is mentioned and not exported, a link to nothing. Exits with 11 where typedoc cannot be brought.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "docs");
// typedoc reads sources with a TypeScript that still has an API for that, which is not the one that compiles the project: it
// is installed beside its settings.
const typedoc = join(here, "node_modules/typedoc/bin/typedoc");
if (!existsSync(typedoc)) {
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: here, stdio: "inherit" });
  if (npm.status !== 0) {
    console.error("docs: typedoc could not be installed: check the connection to npm's registry");
    process.exit(11);
  }
}
const made = spawnSync(process.execPath, [typedoc, "--options", join(here, "typedoc.json")], {
  cwd: here,
  stdio: "inherit",
});
process.exitCode = made.status ?? 1;
