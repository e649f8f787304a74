// How dist/ is divided into the packages `@retemper/core` and `retemper`: the core is what its entries import, and what
// that imports, and so on; the other has the rest, whose imports of the core's modules name the core's package.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/** Where the core begins: its library and its command. */
export const CORE_ENTRIES = ["entries/merge", "cli/coreMain"];
/** How `retemper` names the core's modules; a subpath that is nobody else's. */
export const INTERNAL = "@retemper/core/internal";

/** Specifiers of imports in compiled JavaScript and in declarations; the second group is the specifier. */
const IMPORT = /(^(?:im|ex)port\b[^;"'=(]*?\bfrom\s*["']|^import\s*["']|\bimport\(\s*["'])([^"'\n]+)(?=["'])/gm;

/** The core's modules ("merge/merge"), without extensions, in order. */
export function coreModules(dist) {
  const modules = new Set(CORE_ENTRIES);
  for (const module of modules) {
    for (const file of filesOf(dist, module)) {
      for (const name of specifiers(file).filter((specifier) => specifier.startsWith("."))) {
        const imported = moduleAt(dist, file, name);
        // The flat index is everything. (A type that tsc infers may name it in a declaration: write the type down.)
        if (imported === "index")
          throw new Error(`${relative(dist, file)}, a file of the core, imports the flat index`);
        modules.add(imported);
      }
    }
  }
  return [...modules].sort();
}

/** The files that a module is made of: JavaScript and declarations. */
export function filesOf(dist, module) {
  return [".js", ".d.ts"].map((ending) => join(dist, `${module}${ending}`));
}

/** Names of the packages that JavaScript and declarations in `files` import. */
export function packagesOf(files) {
  const names = new Set();
  for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
    for (const name of specifiers(file)) {
      if (name.startsWith(".") || name.startsWith("node:")) continue;
      names.add(
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      );
    }
  }
  return names;
}

/** The text of a file of `retemper`, with its imports of the core's modules as imports from the core's package. */
export function textBesideCore(dist, file, core) {
  return readFileSync(file, "utf8").replace(IMPORT, (whole, before, name) => {
    if (!name.startsWith(".")) return whole;
    const module = moduleAt(dist, file, name);
    return core.has(module) ? `${before}${INTERNAL}/${module}.js` : whole;
  });
}

/** What the files of a staged package import that is not there: a mistake of the division. */
export function missingImports(dist, coreDist) {
  const missing = [];
  for (const file of filesIn(dist).filter((name) => /\.(js|d\.ts)$/.test(name))) {
    for (const name of specifiers(file)) {
      const inside = name.startsWith(`${INTERNAL}/`);
      if (!name.startsWith(".") && !inside) continue;
      const target = inside ? join(coreDist, name.slice(INTERNAL.length + 1)) : resolve(dirname(file), name);
      const needed = file.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target;
      if (!existsSync(needed)) missing.push(`${relative(dist, file)} imports ${name}`);
    }
  }
  return missing;
}

/** All files under a folder. */
export function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function specifiers(file) {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].map(([, , name]) => name);
}

function moduleAt(dist, file, name) {
  return relative(dist, resolve(dirname(file), name))
    .replace(/\.js$/, "")
    .split(sep)
    .join("/");
}
