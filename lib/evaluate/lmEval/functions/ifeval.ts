// IFEval: which instructions an answer follows, by the checks of the task `ifeval`.

import { followed } from "../../ifeval/followed.js";
import { checksOf } from "../../ifeval/ifeval.js";
import type { BuiltIn, MetricValue } from "./types.js";

const UTILS = "1ab8f14808c826f93f2364883487ed63cf4267980bf4761fda8053899c013632";

export const IFEVAL: Readonly<Record<string, BuiltIn>> = {
  "ifeval/utils.process_results": {
    sha256: UTILS,
    results: (document, { response }) => {
      const { strict, loose } = followed(checksOf(document, "the rows of ifeval", 0), String(response));
      return {
        prompt_level_strict_acc: Number(strict.every(Boolean)),
        inst_level_strict_acc: strict.map(Number),
        prompt_level_loose_acc: Number(loose.every(Boolean)),
        inst_level_loose_acc: loose.map(Number),
      };
    },
  },
  "ifeval/utils.agg_inst_level_acc": {
    sha256: UTILS,
    aggregation: (values) => {
      const all = (values as readonly MetricValue[]).flat() as number[];
      return all.reduce((sum, one) => sum + one, 0) / all.length;
    },
  },
};
