// A model behind an address: starts a server, and stops it without cutting off what it is answering.

import type { AddressInfo } from "node:net";
import { isIPv6 } from "node:net";
import { RetemperError } from "../errors.js";
import type { Model } from "../generate/types.js";
import { type ServeOptions, serverSettings } from "./options.js";

/** A server that listens. */
export interface ModelServer {
  /** http://127.0.0.1:8000; clients of OpenAI's API are given this with /v1 after it. */
  readonly url: string;
  /** The names that are listed: one, or one for each lambda that the model was opened with. */
  readonly models: readonly string[];
  /**
   * Stops: new requests are refused with 503, those in flight have `graceMs` to end, then their clients are told. Leaves the
   * model open. Calling it again gives the same promise.
   */
  close(): Promise<void>;
}

/**
 * Serves an open model as OpenAI's API does: /v1/chat/completions, /v1/completions and /v1/models, and beside them /health and
 * /metrics. Of a virtual merge, `name@lambda=0.6` is one of its lambdas, and a request may name any (`lambda`, `weights`).
 * @throws RetemperError USAGE for wrong options; IO for an address that cannot be listened to.
 * @example
 * ```ts
 * import { openModel, serve } from "retemper";
 *
 * const model = await openModel("models/aligned");
 * const server = await serve(model, { port: 0, name: "aligned" }); // 0: any port that is free
 * const reply = await fetch(`${server.url}/v1/models`); // clients of OpenAI's API are given the url with /v1
 * console.log(server.models, reply.status); // [ 'aligned' ] 200
 * await server.close();
 * await model.close();
 * ```
 */
export async function serve(model: Model, options: ServeOptions = {}): Promise<ModelServer> {
  const settings = serverSettings(model, options);
  const { buildServer } = await import("./buildServer.js"); // it brings a web server along, which few programs need
  const { app, inFlight, models } = buildServer(model, settings);
  const { host, port } = settings;
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw notListening(error, `${bracketed(host)}:${port}`);
  }
  const bound = (app.server.address() as AddressInfo).port;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${bracketed(host)}:${bound}`,
    models: models.list.map(({ id }) => id),
    close() {
      closing ??= inFlight.drain(settings.graceMs).then(() => app.close());
      return closing;
    },
  };
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

function notListening(cause: unknown, address: string): RetemperError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const hint = "choose another port (--port; 0: any that is free)";
    return new RetemperError("IO", `something else listens on ${address} already`, { hint, cause });
  }
  const hint = "--host must be an address of this machine, and ports below 1024 may need rights";
  return new RetemperError("IO", `cannot listen on ${address}: ${message}`, { hint, cause });
}
