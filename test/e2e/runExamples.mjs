// Runs compiled examples one after the other, each in a folder of its own with the demo's models and data under the names
// that examples have for them. Told: a JSON file of { modules, links }. Says as JSON what each printed, or how it failed,
// and which functions the package exports.

import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const file = process.argv[2];
const { modules, links } = JSON.parse(readFileSync(file, "utf8"));
const print = console.log;
const outcomes = {};
for (const module of modules) {
  const place = join(dirname(file), "places", module);
  for (const [name, target] of Object.entries(links)) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    if (target === join(place, name)) continue; // it is made here
    symlinkSync(target, join(place, name));
  }
  process.chdir(place);
  const printed = [];
  console.log = (...values) => printed.push(format(...values));
  try {
    await import(pathToFileURL(join(dirname(file), "compiled", `${module}.js`)).href);
    outcomes[module] = { printed };
  } catch (error) {
    outcomes[module] = { printed, error: String(error?.stack ?? error) };
  }
}
// found beside the examples, as they find it
const retemper = await import(pathToFileURL(join(dirname(file), "node_modules/retemper/dist/index.js")).href);
const isClass = (value) => /^class\b/.test(String(value));
const functions = Object.keys(retemper).filter(
  (name) => typeof retemper[name] === "function" && !isClass(retemper[name]),
);
print(JSON.stringify({ functions, outcomes }));
