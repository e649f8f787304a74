// The proxies that an experiment asks for.

import { type ProxySettings, proxyForm } from "./proxySchema.js";
import type { ExperimentSettings } from "./schema.js";

/** With everything filled in; undefined where none are wanted. */
export function proxySettings({ proxy }: Pick<ExperimentSettings, "proxy">): ProxySettings | undefined {
  return proxy === true ? proxyForm.parse({}) : proxy || undefined;
}
