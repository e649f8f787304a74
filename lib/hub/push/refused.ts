// What it means that the hub refuses a push, in its own words as far as it gives any, and what helps.

import { type ErrorReason, RetemperError } from "../../errors.js";
import type { HubSettings } from "../settings.js";
import type { Answer, SendRequest } from "./message.js";

const HINTS: Readonly<Record<number, string>> = {
  400: "the hub's message says what it does not take",
  401: "HF_TOKEN is not valid: make a token that may write, in the settings of your account",
  402: "the hub's message says what is used up",
  403: 'the token must have the right to write there: a token of type "write", or a fine-grained one that names the repository',
  404: "check the name of the repository and the branch, and that the token's account may see it",
  409: "another change goes on: try again",
  413: "the hub does not take files of this size",
};

const REASONS: Readonly<Record<number, ErrorReason>> = { 401: "token", 403: "token", 404: "not-found" };

export function refused(url: URL, answer: Answer, { what }: SendRequest, settings: HubSettings): RetemperError {
  const { status } = answer;
  const words = wordsOf(answer, settings);
  return new RetemperError(
    "NETWORK",
    `${what}: ${url.host} refuses it: ${status}${words === "" ? "" : ` (${words})`}.`,
    {
      reason: REASONS[status],
      hint: HINTS[status],
    },
  );
}

/** What the server says, on one line and without the token, should it repeat it. */
function wordsOf({ value, headers }: Answer, { token }: HubSettings): string {
  const { error, message } = (value ?? {}) as { readonly error?: unknown; readonly message?: unknown };
  const said = [error, message, headers.get("x-error-message")].find((one) => typeof one === "string") as string;
  const plain = (said ?? "").replace(/\s+/g, " ").trim();
  const clean = token ? plain.replaceAll(token, "(token)") : plain;
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean.replace(/\.$/, "");
}
