// The page itself: three files that the build makes. They hold no secret, so no key is asked for.

import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import { RetemperError } from "../errors.js";
import { readIfThere } from "../files/readIfThere.js";

/** Where the build puts them. A test runner that executes the TypeScript sources finds them in dist too (npm run build). */
const FOLDER = new URL(import.meta.url.endsWith(".ts") ? "../../dist/play/page/" : "./page/", import.meta.url);

const MOST_BYTES = 2 ** 22;

const FILES = [
  { path: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { path: "/app.js", name: "app.js", type: "text/javascript; charset=utf-8" },
  { path: "/app.css", name: "app.css", type: "text/css; charset=utf-8" },
] as const;

/**
 * The page runs its own script and style and speaks to its own server; nobody else may show it in a frame. What a model wrote
 * cannot become more than text.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

/** @throws RetemperError IO where the build has left them out */
export async function readPageFiles(): Promise<readonly PageFile[]> {
  return Promise.all(
    FILES.map(async ({ path, name, type }) => {
      const file = fileURLToPath(new URL(name, FOLDER));
      const text = await readIfThere(file, { most: MOST_BYTES, what: "a file of the page" });
      if (text !== undefined) return { path, type, text };
      throw new RetemperError("IO", "the page is not there", { file, hint: "in a checkout, run `npm run build`" });
    }),
  );
}

export function addPageFiles(routes: FastifyInstance, files: readonly PageFile[]): void {
  for (const { path, type, text } of files) {
    // "/" would else be "/play" as well, from which relative addresses lead elsewhere.
    routes.get(path, { prefixTrailingSlash: "slash" }, async (_request, reply) =>
      reply.header("cache-control", "no-cache").type(type).send(text),
    );
  }
}
