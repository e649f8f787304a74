// Opens one of the two models: what it is by its source, and everything that its files tell.

import { RetemperError } from "../../errors.js";
import type { BehaviourMerge, BehaviourOptions, BehaviourServer, BehaviourSource } from "../types.js";
import { openLocalSide } from "./openLocalSide.js";
import { openServerSide } from "./openServerSide.js";
import type { Side } from "./side.js";

/**
 * Opens a side. No tensor is read, and a server is asked only what it tells of itself.
 * @throws RetemperError USAGE for what is no source; what opening a model throws
 */
export async function openSide(source: BehaviourSource, options: BehaviourOptions): Promise<Side> {
  const meant = typeof source === "string" ? meaningOf(source) : source;
  if (typeof meant === "object" && "url" in meant) return openServerSide(meant, options);
  if (typeof meant === "object" && "recipe" in meant) return openLocalSide(meant, options);
  throw new RetemperError("USAGE", "compareBehaviour takes models: paths, recipes or servers", {
    hint: 'a text, {"recipe": …, "lambda": …} or {"url": …, "model": …}',
  });
}

function meaningOf(text: string): BehaviourMerge | BehaviourServer {
  const [, url, model] = /^(https?:\/\/[^#]+)#(.+)$/.exec(text) ?? [];
  if (url !== undefined && model !== undefined) return { url, model };
  if (/^https?:\/\//.test(text)) {
    throw new RetemperError("USAGE", `${text} names no model of the server`, {
      hint: "write it after a #: http://localhost:8000/v1#name",
    });
  }
  const [, recipe, lambda] = /^(.+)@lambda=([^@]+)$/s.exec(text) ?? [];
  if (recipe === undefined) return { recipe: text };
  const value = Number(lambda);
  if (Number.isFinite(value) && lambda?.trim() !== "") return { recipe, lambda: value };
  throw new RetemperError("USAGE", `${JSON.stringify(lambda)} is no lambda`, { hint: "recipe.yml@lambda=0.4" });
}
