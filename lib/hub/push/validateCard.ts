// Lets the hub look at the card before anything large is sent: it refuses a commit whose metadata it does not take.

import { RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import { contentOf, type PushFile } from "./files.js";
import { jsonBody } from "./message.js";
import { send } from "./send.js";
import { nameOf, type PushTarget } from "./target.js";

/** Of a mirror that cannot do it: the commit says it then. */
const UNABLE = [404, 405, 501];

/** @throws RetemperError BAD_INPUT for metadata that the hub does not take; NETWORK */
export async function validateCard(
  files: readonly PushFile[],
  target: PushTarget,
  settings: HubSettings,
): Promise<void> {
  const card = files.find(({ path }) => path === "README.md");
  if (!card) return;
  const content = (await contentOf(card)).toString("utf8");
  const text = JSON.stringify({ content, repoType: target.kind === "models" ? "model" : "dataset" });
  const request = { ...jsonBody(text), method: "POST", what: `the card of ${nameOf(target)}` } as const;
  const url = new URL("api/validate-yaml", settings.endpoint);
  const { status, value } = await send(url, { ...request, answers: [400, ...UNABLE] }, settings);
  const { errors, warnings } = (value ?? {}) as { readonly errors?: unknown; readonly warnings?: unknown };
  for (const warning of messages(warnings)) settings.note(`${url.host} of the card: ${warning}`);
  if (status !== 400) return;
  const said = messages(errors).join("; ").slice(0, 600);
  throw new RetemperError("BAD_INPUT", `${url.host} does not take the card: ${said === "" ? status : said}`, {
    file: typeof card.source === "string" ? card.source : undefined,
    hint: "correct what stands between the two lines --- at its beginning",
  });
}

function messages(list: unknown): string[] {
  return (Array.isArray(list) ? list : []).map((one: { message?: unknown }) => String(one?.message ?? ""));
}
