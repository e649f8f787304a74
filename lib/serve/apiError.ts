// Failures as OpenAI's API tells them: a status, and { error: { message, type, param, code } }.

import { basename } from "node:path";
import { RetemperError } from "../errors.js";

export interface ApiErrorFacts {
  /** The field of the request that is at fault. */
  readonly param?: string | undefined;
  readonly code?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export class ApiError extends Error {
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { param, code, headers = {} }: ApiErrorFacts = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }

  get body(): {
    readonly error: { readonly message: string } & Readonly<Record<"type" | "param" | "code", string | null>>;
  } {
    const { message, status, param = null, code = null } = this;
    return { error: { message, type: typeOf(status), param, code } };
  }
}

/** A failure of any kind as the client is to see it. What is the server's own fault is told without its inside. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RetemperError) return ofRetemper(error);
  const { code, statusCode, message } = (error ?? {}) as { code?: unknown; statusCode?: unknown; message?: unknown };
  // Fastify's own: bodies that are too large, no JSON, of another media type.
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new ApiError(statusCode, HINTS[String(code)] ?? String(message), { code: CODES[statusCode] });
  }
  return new ApiError(500, OWN_FAULT, { code: "internal" });
}

const OPTION = "maxNewTokens, --max-new-tokens";
const OWN_FAULT = "the server failed at this request";

const CODES: Readonly<Record<number, string>> = { 413: "request_too_large", 415: "unsupported_media_type" };
const HINTS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "the body must be JSON, with the header content-type: application/json",
};

function ofRetemper({ code, reason, message: whole, hint = "", file }: RetemperError): ApiError {
  // Where the model lies is for those who run the server, and so are hints about its files. Options have other names here.
  const message = file ? whole.replaceAll(file, basename(file)) : whole;
  const text = hint === "" || /[\\/]/.test(hint) ? message : `${message}; ${hint.replace(OPTION, "max_tokens")}`;
  switch (code) {
    case "BAD_INPUT":
    case "USAGE":
    case "INCOMPATIBLE":
      return new ApiError(400, text, reason === "context-length" ? { code: "context_length_exceeded" } : {});
    case "OUT_OF_MEMORY":
      // Refused before it began, a shorter request may fit; anything else is not this request's fault.
      return new ApiError(reason === "request-size" ? 400 : 503, text, { code: "out_of_memory" });
    case "CANCELLED":
      return new ApiError(503, "the model was closed", { code: "shutting_down" });
    default:
      return new ApiError(500, OWN_FAULT, { code: "internal" });
  }
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
