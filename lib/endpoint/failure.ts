// How a request can fail, and what that means for it and for all others.

import { RetemperError } from "../errors.js";
import { excerpt, isJson } from "./reply.js";

/**
 * - `again`: it may go better another time: the server is busy, broken or out of reach.
 * - `never`: this request will always be refused; another prompt's may not be.
 * - `all`: every request will be refused: a wrong key, an unknown model, a wrong address.
 */
export type Outlook = "again" | "never" | "all";

export class RequestFailure extends Error {
  readonly outlook: Outlook;
  readonly error: RetemperError;
  /** Milliseconds to wait as the server asks. */
  readonly wait: number | undefined;
  /** Whether nothing answered at all. */
  readonly unreachable: boolean;

  constructor(
    outlook: Outlook,
    error: RetemperError,
    { wait, unreachable = false }: { wait?: number | undefined; unreachable?: boolean } = {},
  ) {
    super(error.message);
    this.outlook = outlook;
    this.error = error;
    this.wait = wait;
    this.unreachable = unreachable;
  }
}

/** Statuses of servers that are busy, or behind a proxy that could not reach them. */
const AGAIN: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** The failure that a status other than 2xx means. */
export function refusal(
  { status, headers }: Pick<Response, "status" | "headers">,
  body: string,
  { shown, model, keyGiven, now }: { shown: string; model: string; keyGiven: boolean; now: number },
): RequestFailure {
  const said = messageOf(body);
  const because = said === "" ? "" : `: ${said}`;
  const network = (what: string, hint: string) => new RetemperError("NETWORK", `${shown} ${what}${because}`, { hint });
  if (AGAIN.has(status) || status >= 500) {
    const hint = "the server is busy or broken: try again later, or with less concurrency";
    return new RequestFailure("again", network(`answers ${status}`, hint), { wait: waitAsked(headers, now) });
  }
  switch (status) {
    case 401:
      return new RequestFailure(
        "all",
        keyGiven
          ? network("refuses the API key (401)", "give the key of this server as apiKey")
          : network("wants an API key (401)", "give it as apiKey"),
      );
    case 403:
      return new RequestFailure("all", network("forbids this (403)", "the key's account may not use this model"));
    case 404:
      return new RequestFailure(
        "all",
        network(
          `does not know the model ${model}, or this path (404)`,
          `${shown}/models lists its models; the address of most servers ends in /v1`,
        ),
      );
    default:
      if (status >= 300 && status < 400) {
        const to = headers.get("location");
        const hint = `give the address that it leads to${to ? `: ${originOf(to, shown)}` : ""}`;
        return new RequestFailure("all", network(`leads elsewhere (${status})`, hint));
      }
      return new RequestFailure(
        "never",
        new RetemperError("BAD_INPUT", `${shown} refuses the request (${status})${because}`, {
          hint: "its message says why: a prompt longer than its context, or a setting that it does not know",
        }),
      );
  }
}

/** The server's own words: OpenAI's error object, or those of other frameworks, or the beginning of the text. */
export function messageOf(body: string): string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return /^\s*</.test(body) ? "" : excerpt(body);
  }
  if (!isJson(value)) return excerpt(body);
  const inner = isJson(value.error) ? value.error.message : value.error;
  const message = [inner, value.message, value.detail].find((text) => typeof text === "string");
  return excerpt(typeof message === "string" ? message : body);
}

/** Retry-After: seconds or a date. */
function waitAsked(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  const milliseconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

/** Without what may hold a secret. */
function originOf(location: string, from: string): string {
  if (!URL.canParse(location, from)) return "";
  const { origin, pathname } = new URL(location, from);
  return origin + pathname;
}

/** Why no answer came: the innermost reason that Node gives. */
export function connectionProblem(error: unknown): string {
  let reason = error as { message?: string; code?: string; cause?: unknown };
  while (reason.cause !== undefined && reason.cause !== null) reason = reason.cause as typeof reason;
  return reason.code ?? reason.message ?? String(error);
}
