// Whether proxies of merges can be read where the models run.

import type { EngineName } from "../../generate/types.js";
import type { Problems } from "../settings/problems.js";
import { proxySettings } from "../settings/proxySettings.js";
import type { ExperimentSettings } from "../settings/schema.js";

/** What a server cannot do is said elsewhere. */
export function checkProxy(settings: ExperimentSettings, engine: EngineName, problems: Problems): void {
  if (!proxySettings(settings) || engine === "native" || settings.engine?.endpoint) return;
  const why = `proxies of merges are read on the native engine, and the aligned model runs on ${engine}`;
  problems.add(why, "BAD_INPUT", { path: ["proxy"], hint: "leave proxy out, or give engine.engine: native" });
}
