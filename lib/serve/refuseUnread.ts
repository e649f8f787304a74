// What is no HTTP, too long a head, or too slow: refused before there is a request, in the form of all errors.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "./apiError.js";

/** Answers on the connection and closes it. */
export function refuseUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (socket.writable) socket.write(replyOf(refusalOf(error.code)));
  socket.destroy(error);
}

function refusalOf(code: string | undefined): ApiError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ApiError(408, "the request did not come in time", { code: "request_timeout" });
    case "HPE_HEADER_OVERFLOW":
      return new ApiError(431, "the request's head is too large", { code: "headers_too_large" });
    default:
      return new ApiError(400, "this is no HTTP request");
  }
}

function replyOf({ status, body }: ApiError): string {
  const json = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(json)}`,
    "connection: close",
    "",
    json,
  ].join("\r\n");
}
