// What filters leave of an answer, against lm-evaluation-harness's own.

import { describe, expect, it } from "vitest";
import { parseTaskFile } from "../../../../lib/evaluate/lmEval/files/readTaskFile.js";
import { taskConfig } from "../../../../lib/evaluate/lmEval/files/taskConfig.js";
import { Functions } from "../../../../lib/evaluate/lmEval/functions/functions.js";
import { filtersOf } from "../../../../lib/evaluate/lmEval/scoring/filters.js";
import { reference } from "../../../golden/metrics/reference.js";

/** BIG-Bench Hard's. */
const BBH = `task: a
filter_list:
  - name: get-answer
    filter:
      - {function: regex, regex_pattern: "(?<=the answer is )(.*)(?=.)"}
      - {function: take_first}
`;

describe("the filter of BIG-Bench Hard", () => {
  const config = taskConfig(parseTaskFile(BBH, "a.yaml"), "a.yaml");
  const [filter] = filtersOf(config, new Functions(config));
  const answerOf = (text: string) => filter?.apply([text], {});

  it("equals lm-evaluation-harness's", () => {
    const rows = reference<{ output: string; extracted: string }[]>("bbh_extract.json");
    expect(rows.length).toBeGreaterThan(8);
    for (const { output, extracted } of rows) expect(answerOf(output), output).toBe(extracted);
  });

  it("drops one character, not half of one", () => {
    expect(answerOf("the answer is yes\u{1f600}")).toBe("yes");
  });

  it("finds an empty answer before a single character", () => {
    expect(answerOf("the answer is .")).toBe("");
  });
});
