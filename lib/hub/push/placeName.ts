// The name that what is known of a push has on this machine: the same for the same place on the same hub.

import { createHash } from "node:crypto";
import type { HubSettings } from "../settings.js";
import type { PushTarget } from "./target.js";

/** @param parts what is told apart within the repository */
export function placeName({ kind, id }: PushTarget, { endpoint }: HubSettings, ...parts: readonly string[]): string {
  const place = [endpoint.href, `${kind}/${id}`, ...parts].join("\n");
  return createHash("sha256").update(place).digest("hex").slice(0, 40);
}
