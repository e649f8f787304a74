// What it means that the hub refuses something: gated, private and missing told apart, and what helps.

import { type ErrorReason, RetemperError } from "../errors.js";
import type { HubSettings } from "./settings.js";

/** What was asked for. */
export interface Asked {
  /** For messages: "the data set org/name". */
  readonly what: string;
  /** Where people see it, below the hub's address: "org/name", "datasets/org/name". */
  readonly page?: string | undefined;
}

/**
 * The hub says in `x-error-code` what its status leaves open: it answers 401, and not 404, to somebody without a token who asks
 * for what is not there, so that nobody learns the names of private repositories.
 */
export function refusal({ status, headers }: Response, asked: Asked, settings: HubSettings): RetemperError {
  const { what, page = "" } = asked;
  const { endpoint, token } = settings;
  const { host } = endpoint;
  const at = page === "" ? host : new URL(page, endpoint).href;
  const error = (message: string, hint: string | undefined, reason?: ErrorReason) =>
    new RetemperError("NETWORK", message, { hint, reason });
  const code = headers.get("x-error-code") ?? "";

  if (status === 416) return error(`${host} refuses ${what}: ${status}.`, undefined, "range");
  if (code === "GatedRepo") {
    const terms = `accept its terms at ${at}`;
    return token
      ? error(
          `${what} is gated, and the account of your token has no access to it (${host} answered ${status}).`,
          `${terms} with that account; some owners look at each request, which takes time`,
          "gated",
        )
      : error(
          `${what} is gated: ${host} gives it to accounts that accepted its terms (it answered ${status}).`,
          `${terms}, then set HF_TOKEN to a token of that account`,
          "gated",
        );
  }
  if (code === "RevisionNotFound") {
    return error(`${host} has no such revision: ${what}.`, `see ${at} for its branches, tags and commits`, "not-found");
  }
  if (code === "EntryNotFound") {
    return error(`${host} has no ${what}.`, `see ${at} for the files that there are`, "not-found");
  }
  if (code === "RepoNotFound" && !token) {
    return error(
      `${host} shows no such thing: ${what}; it does not exist, or it is private.`,
      "check the name; for a private one set HF_TOKEN to a token of an account that may see it",
      "not-found",
    );
  }
  if (status === 404) {
    const unseen = code === "RepoNotFound" ? ", or the account of your token may not see it" : "";
    return error(
      `${host} has no such thing: ${what} (${status})${unseen}.`,
      "check the name, the revision and the file's path",
      "not-found",
    );
  }
  if (status === 401) {
    return token
      ? error(`${host} does not take the token: ${status} for ${what}.`, HOW_TO_LOG_IN, "token")
      : error(
          `${host} refuses ${what} without a token: ${status}.`,
          `it may be private or gated: accept its terms at ${at}, then set HF_TOKEN`,
          "token",
        );
  }
  if (status === 403) {
    return error(
      `${host} refuses ${what} to your token: ${status}.`,
      `accept the terms at ${at} with the token's account; a fine-grained token also needs the right to read it`,
      "token",
    );
  }
  return error(`${host} refuses ${what}: ${status}.`, undefined);
}

const HOW_TO_LOG_IN =
  "the token of HF_TOKEN is not valid: make a new one in the settings of your account, or leave it out for what is public";
