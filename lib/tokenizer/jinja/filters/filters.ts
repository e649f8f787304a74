// The filters by their names.

import type { Native } from "../values/value.js";
import { HTML_FILTERS } from "./htmlFilters.js";
import { NUMBER_FILTERS } from "./numberFilters.js";
import { SEQUENCE_FILTERS } from "./sequenceFilters.js";
import { SORTING_FILTERS } from "./sortingFilters.js";
import { TEXT_FILTERS } from "./textFilters.js";

export const FILTERS: ReadonlyMap<string, Native> = new Map([
  ...TEXT_FILTERS,
  ...SEQUENCE_FILTERS,
  ...SORTING_FILTERS,
  ...NUMBER_FILTERS,
  ...HTML_FILTERS,
]);
