// The JSON Schema of experiment.yml, for editors: the schema's own, with what else holds between its keys.

import { z } from "zod";
import { experimentSchema } from "./schema.js";

interface Node {
  required?: string[] | undefined;
  properties?: Record<string, Node>;
  [key: string]: unknown;
}

const share = { type: "number", minimum: 0, maximum: 1 };
const grid = { anyOf: [share, { type: "array", items: share }] };
const entries = { items: { properties: { lambda: grid } } };

/**
 * The JSON Schema of experiment.yml, in draft 7, which editors know.
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { experimentJsonSchema } from "retemper";
 *
 * // # yaml-language-server: $schema=experiment.schema.json
 * await writeFile("experiment.schema.json", JSON.stringify(experimentJsonSchema(), null, 1));
 * ```
 */
export function experimentJsonSchema(): object {
  const schema = z.toJSONSchema(experimentSchema, { io: "input", target: "draft-7" }) as Node;
  // what a preset may fill in is asked for below
  schema.required = schema.required?.filter((key) => key !== "methods" && key !== "safety");
  const safety = schema.properties?.safety;
  if (safety) safety.required = safety.required?.filter((key) => key !== "sets");
  return {
    ...schema,
    title: "Retemper experiment",
    allOf: [
      { oneOf: [{ required: ["tuned"] }, { required: ["tune"] }] },
      { anyOf: [{ required: ["preset"] }, { required: ["methods"] }] },
      {
        if: { required: ["preset"], properties: { preset: { const: "paper" } } },
        else: { required: ["safety"], properties: { safety: { required: ["sets"] } } },
      },
      {
        if: { required: ["extrapolate"], properties: { extrapolate: { const: true } } },
        else: { properties: { lambda: grid, methods: entries, controls: entries } },
      },
    ],
  };
}
