// A model behind an OpenAI-compatible server: its answers, and what it tells of itself.

import type { Endpoint } from "../../endpoint/endpoint.js";
import { openEndpoint } from "../../endpoint/openEndpoint.js";
import { askServerSays } from "../../endpoint/serverSays.js";
import type { BehaviourOptions, BehaviourServer } from "../types.js";
import type { ServerSide } from "./side.js";

/** @throws RetemperError USAGE for a wrong address or key */
export async function openServerSide(
  { url, model, apiKey, concurrency }: BehaviourServer,
  { signal }: BehaviourOptions,
): Promise<ServerSide> {
  const opened: Endpoint[] = [];
  const says = await askServerSays({ url, model, apiKey }, signal);
  return {
    kind: "server",
    facts: { name: `${url}#${model}`, kind: "server", ...(says.storage !== undefined && { storage: says.storage }) },
    says,
    open: (extraBody) => {
      const endpoint = openEndpoint(url, { model, apiKey, concurrency, extraBody });
      opened.push(endpoint);
      return endpoint;
    },
    close: async () => {
      for (const endpoint of opened) await endpoint.close();
    },
  };
}
