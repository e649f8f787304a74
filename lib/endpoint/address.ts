// The address of an OpenAI-compatible server.

import { RetemperError } from "../errors.js";

/** Paths that people copy together with the address. */
const METHODS = /\/(chat\/completions|completions|models)$/;

export interface Address {
  /** Of a method of the server: "chat/completions". */
  readonly method: (name: string) => URL;
  /** For messages and results: without a query, which may hold a key. */
  readonly shown: string;
}

/**
 * Reads an address such as "http://localhost:8000/v1". Without a path, it is /v1.
 * @throws RetemperError USAGE for what is no http address, or has a name and password in it.
 */
export function parseAddress(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RetemperError("USAGE", "an endpoint's address must be an http or https URL", {
      hint: "for example http://localhost:8000/v1",
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new RetemperError("USAGE", "an endpoint's address must not hold a name or password", {
      hint: "give the key as apiKey",
    });
  }
  const path = url.pathname.replace(/\/+$/, "").replace(METHODS, "");
  const base = path === "" ? "/v1" : path;
  return {
    shown: `${url.origin}${base}`,
    method: (name) => {
      const method = new URL(url);
      method.pathname = `${base}/${name}`;
      method.hash = "";
      return method;
    },
  };
}
