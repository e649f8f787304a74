// Further routes of a server: they have its Host check, errors, limits and counts, and ask for slots as its own do.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Model } from "../generate/types.js";
import type { TokenText } from "./replies/replyShape.js";
import type { RequestQueue } from "./requestQueue.js";
import type { ServeDefaults } from "./serveDefaults.js";
import type { ServedModels } from "./servedModels.js";

/** Of the server's settings. */
export interface PartSettings {
  readonly name: string;
  readonly maxTokens: number;
  /** Requests that may wait. */
  readonly queue: number;
  readonly stallMs: number;
  readonly defaults: ServeDefaults;
}

/** What a server lends to its parts. */
export interface PartContext {
  readonly model: Model;
  readonly models: ServedModels;
  readonly settings: PartSettings;
  readonly queue: RequestQueue;
  readonly tokenText: TokenText;
  /** For `onRequest`: refuses requests without the key, and while the server is being stopped. */
  guard(request: FastifyRequest): Promise<void>;
  /** Counts a request until its reply is complete; the signal is aborted when its client leaves. */
  begin(reply: FastifyReply): AbortSignal;
  /** Remembers why a reply failed after it had begun. */
  failed(reply: FastifyReply, error: unknown): void;
}

/** Adds its routes. */
export type ServerPart = (routes: FastifyInstance, context: PartContext) => Promise<void>;
