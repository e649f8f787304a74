// Whether an experiment may leave merges out by what came out before.

import { proxySettings } from "./proxySettings.js";
import type { ExperimentSettings } from "./schema.js";

/** By their own answers, block by block (`adaptive`), or by proxies (`proxy.screen`): then they are asked once more is known. */
export function leavesOut(settings: Pick<ExperimentSettings, "adaptive" | "proxy">): boolean {
  return Boolean(settings.adaptive) || isScreened(settings);
}

export function isScreened(settings: Pick<ExperimentSettings, "proxy">): boolean {
  return proxySettings(settings)?.screen ?? false;
}
