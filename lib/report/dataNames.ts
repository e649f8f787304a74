// What the tables call the data that choose and the data that confirm.

import type { ExperimentResults } from "./types.js";

type Known = Pick<ExperimentResults, "parts">;

/** The data that lambda is chosen by. */
export function validationData({ parts }: Known): string {
  return parts?.split
    ? `validation data, the choosing half of the safety items: ${parts.validation.safety}`
    : "validation data";
}

/** The data that the chosen models are measured on. */
export function testData({ parts }: Known): string {
  return parts?.split ? `test data, the confirming half of the safety items: ${parts.test.safety}` : "test data";
}
