// The methods that are prepared, by name.

import type { MethodName } from "../../recipe/methods.js";
import { lox } from "./lox.js";
import { lssf } from "./lssf.js";
import { resta } from "./resta.js";
import { safeDelta } from "./safeDelta.js";
import { safeLora } from "./safeLora.js";
import { safeMerge } from "./safeMerge.js";
import type { PreparedMethod } from "./types.js";

const METHODS = {
  resta,
  safe_lora: safeLora,
  safemerge: safeMerge,
  lox,
  lssf,
  safe_delta: safeDelta,
} as const satisfies Partial<Record<MethodName, PreparedMethod>>;

/** Of a method whose record says that it is prepared. */
export function preparedMethod(method: MethodName): PreparedMethod {
  return METHODS[method as keyof typeof METHODS];
}
