// What an experiment asks that a server of adapters cannot do.

import { proxySettings } from "./proxySettings.js";
import { refinedPoints } from "./refinedPoints.js";
import type { ExperimentSettings } from "./schema.js";

/** Each with what to do. */
export function endpointProblems(settings: ExperimentSettings): string[] {
  const { methods, tuned, unaligned } = settings;
  const names = methods.map((one) => (typeof one === "string" ? one : one.method));
  const others = [...new Set(names.filter((name) => name !== "linear"))];
  const whole = (tuned ?? []).filter(({ adapter }) => adapter === undefined).map(({ seed }) => seed);
  return [
    ...(others.length > 0
      ? [
          `an endpoint serves linear merges as scaled adapters, not ${others.join(", ")}: leave them out, or engine.endpoint`,
        ]
      : []),
    ...(whole.length > 0
      ? [
          `an endpoint serves adapters, and the tuned models of ${whole.join(", ")} are whole ones: give adapter instead`,
        ]
      : []),
    ...(refinedPoints(settings) > 0
      ? [
          "an endpoint serves the adapters of the grid's lambdas, which are made before it starts: leave adaptive.refine out",
        ]
      : []),
    ...(settings.engine?.cache !== undefined ? ["an endpoint has a cache of its own: leave engine.cache out"] : []),
    ...(settings.engine?.weights !== undefined ? ["an endpoint has weights of its own: leave engine.weights out"] : []),
    ...(proxySettings(settings) ? ["an endpoint does not tell what proxies are read from: leave proxy out"] : []),
    ...(unaligned !== undefined ? ["an endpoint serves the aligned model and adapters: leave unaligned out"] : []),
  ];
}
