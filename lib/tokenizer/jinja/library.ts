// What jinja2 brings along: the filters, tests and methods that every template finds.

import { FILTERS } from "./filters/filters.js";
import { TESTS } from "./filters/tests.js";
import { methodOf } from "./methods/methodOf.js";
import type { Run } from "./values/value.js";

export type Library = Omit<Run, "budget">;

export const LIBRARY: Library = { filters: FILTERS, tests: TESTS, methodOf };
