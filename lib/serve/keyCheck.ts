// The API key of requests.

import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./apiError.js";

/** A function that refuses what does not carry the key. How long it takes tells nothing of how much was right. */
export function keyCheck(apiKey: string): (authorization: string | undefined) => void {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const wanted = digest(apiKey);
  return (authorization = "") => {
    const [, given = ""] = /^Bearer +(.*)$/is.exec(authorization) ?? [];
    if (timingSafeEqual(digest(given.trimEnd()), wanted)) return;
    const message =
      given === "" ? "this server asks for an API key (Authorization: Bearer KEY)" : "the API key is wrong";
    throw new ApiError(401, message, { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } });
  };
}
