// The methods that are prepared, by name.

import { RetemperError } from "../../errors.js";
import type { MethodName } from "../../recipe/methods.js";
import { lox } from "./lox.js";
import { lssf } from "./lssf.js";
import { resta } from "./resta.js";
import { safeLora } from "./safeLora.js";
import { safeMerge } from "./safeMerge.js";
import type { PreparedMethod } from "./types.js";

const METHODS: Partial<Record<MethodName, PreparedMethod>> = {
  resta,
  safe_lora: safeLora,
  safemerge: safeMerge,
  lox,
  lssf,
};

/** @throws RetemperError USAGE for a method that cannot be merged yet */
export function preparedMethod(method: MethodName): PreparedMethod {
  const found = METHODS[method];
  if (found) return found;
  throw new RetemperError("USAGE", `${method} cannot be merged by this version`, {
    hint: `these can: ${Object.keys(METHODS).join(", ")}`,
  });
}
