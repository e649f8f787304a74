// A hub on this machine with the real one's addresses and headers, and with faults on request.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterAll } from "vitest";

export interface SeenRequest {
  readonly host: "hub" | "storage";
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface MockHub {
  readonly endpoint: string;
  readonly seen: SeenRequest[];
  /** Contents by "org/name/path"; LFS files are served by the other host, after a redirect. */
  readonly files: Map<string, { readonly content: Buffer; readonly lfs?: boolean }>;
  /** Answers instead of the hub as long as it returns true. */
  fault: ((request: IncomingMessage, response: ServerResponse, host: "hub" | "storage") => boolean) | undefined;
  commit: string;
  close(): Promise<void>;
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export async function mockHub(): Promise<MockHub> {
  const seen: SeenRequest[] = [];
  const files: MockHub["files"] = new Map();
  const note = (host: SeenRequest["host"], { method = "", url = "", headers }: IncomingMessage) =>
    seen.push({ host, method, url, authorization: headers.authorization, range: headers.range });

  const storage = await listen((request, response) => {
    note("storage", request);
    if (hub.fault?.(request, response, "storage")) return;
    const file = files.get(decodeURIComponent((request.url ?? "").slice(1)));
    send(request, response, file?.content ?? Buffer.alloc(0), {});
  });
  const front = await listen((request, response) => {
    note("hub", request);
    if (hub.fault?.(request, response, "hub")) return;
    const url = request.url ?? "";
    const listing = /^\/api\/datasets\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(url);
    if (listing) {
      const siblings = [...files.keys()]
        .filter((name) => name.startsWith(`${listing[1]}/`))
        .map((name) => ({ rfilename: name.split("/").slice(2).join("/") }));
      response.setHeader("content-type", "application/json");
      response.writeHead(siblings.length > 0 ? 200 : 404).end(JSON.stringify({ sha: hub.commit, siblings }));
      return;
    }
    const [, dataset, path] = /^\/datasets\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(url) ?? [];
    const name = `${dataset}/${decodeURIComponent(path ?? "")}`;
    const file = files.get(name);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const { content, lfs } = file;
    response.setHeader("x-repo-commit", hub.commit);
    if (lfs) {
      response.setHeader("x-linked-etag", `"${createHash("sha256").update(content).digest("hex")}"`);
      response.setHeader("location", `${storage.address}/${encodeURIComponent(name)}`);
      response.writeHead(302).end();
      return;
    }
    const sha1 = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
    send(request, response, content, { etag: `"${sha1}"` });
  });
  const hub: MockHub = {
    endpoint: front.address,
    seen,
    files,
    fault: undefined,
    commit: COMMIT,
    close: async () => {
      for (const { server } of [front, storage]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  afterAll(() => hub.close());
  return hub;
}

function send(request: IncomingMessage, response: ServerResponse, content: Buffer, headers: Record<string, string>) {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(from ?? 0);
  if (from !== undefined && start >= content.length) {
    response.writeHead(416).end();
    return;
  }
  if (from !== undefined) response.setHeader("content-range", `bytes ${start}-${content.length - 1}/${content.length}`);
  response.writeHead(from === undefined ? 200 : 206, { ...headers, "content-length": String(content.length - start) });
  response.end(request.method === "HEAD" ? undefined : content.subarray(start));
}

async function listen(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}
