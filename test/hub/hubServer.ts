// A server of the hub's API on this machine, for tests: models and data sets, downloads and uploads, with the real one's
// addresses, headers and refusals, and a second host for large objects. Python's huggingface_hub works with it
// (test/differential/hub). What it does wrong is said by faults (faults.ts).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Call, json, type Reply, refuse, type Settings } from "./call.js";
import { type Count, type Does, type Fault, type Host, meets } from "./faults.js";
import { files } from "./routes/files.js";
import { listings } from "./routes/listings.js";
import { repositories } from "./routes/repositories.js";
import { storage } from "./routes/storage.js";
import { uploads } from "./routes/uploads.js";
import {
  type Commit,
  commit,
  commitOf,
  type Kind,
  key,
  LARGE_NAMES,
  largeFile,
  newRepository,
  type Repository,
  regularFile,
  type Store,
  type StoredFile,
  sha256,
} from "./store.js";

export interface SeenRequest {
  readonly host: Host;
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  /** Bytes of the request's body that arrived. */
  received: number;
  /** Bytes of the answer's body. */
  sent: number;
  status: number;
}

export interface NewRepository {
  readonly kind?: Kind;
  readonly private?: boolean;
  readonly gated?: boolean;
  readonly message?: string;
  readonly reference?: string;
}

/** May write to its own repositories and those of "org". */
export const WRITER = "hf_testTokenOfWriter";
/** May read what is public, and nothing else. */
export const READER = "hf_testTokenOfReader";

export interface Hub {
  /** HF_ENDPOINT. */
  readonly endpoint: string;
  /** Address of the host of large objects. */
  readonly storage: string;
  /** A third host that has nothing to do with the hub: who is led there sends it nothing of worth. */
  readonly elsewhere: string;
  readonly store: Store;
  readonly settings: Settings;
  readonly seen: SeenRequest[];
  /** What goes wrong next; emptied by `clear`. */
  readonly faults: Fault[];
  /** Puts files into a repository, made where it is not there: one commit. Those of usual names or sizes are large ones. */
  put(id: string, files: Readonly<Record<string, Buffer | string>>, options?: NewRepository): Commit;
  repository(id: string, kind?: Kind): Repository | undefined;
  /** Bytes by path, at a revision ("main" by default). */
  contents(id: string, revision?: string, kind?: Kind): Record<string, Buffer>;
  /** Lets go what a fault holds. */
  release(): void;
  /** Forgets what was seen, and the faults. */
  clear(): void;
  /** All parts' addresses that were given become bad, as they do after a time. */
  expireUploads(): void;
  close(): Promise<void>;
}

export async function startHub(changes: Partial<Settings> = {}): Promise<Hub> {
  const settings: Settings = {
    lfsFrom: 10_000_000,
    partsFrom: 100_000,
    partSize: 40_000,
    pageSize: 1000,
    relativeRedirects: true,
    ...changes,
  };
  const store: Store = {
    repositories: new Map(),
    renamed: new Map(),
    users: new Map([
      [WRITER, { name: "writer", organisations: ["org"], mayWrite: true, accepted: new Set<string>() }],
      [READER, { name: "reader", organisations: [], mayWrite: false, accepted: new Set<string>() }],
    ]),
    objects: new Map(),
    uploads: new Map(),
  };
  const seen: SeenRequest[] = [];
  const faults: Fault[] = [];
  let left = new Map<Fault, Count>();
  let held: (() => void)[] = [];
  const addresses = { hub: "", storage: "", elsewhere: "" };
  const servers: Server[] = [];

  async function serve(host: Host, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const line: SeenRequest = {
      ...{ host, method, url, authorization: headers.authorization, range: headers.range },
      ...{ received: 0, sent: 0, status: 0 },
    };
    seen.push(line);
    const fault = meets(faults, left, line);
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      line.received += (chunk as Buffer).length;
      if (fault?.cutRequest !== undefined && line.received >= fault.cutRequest) return void request.socket.destroy();
    }
    if (fault?.cutRequest !== undefined) return void request.socket.destroy();
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    const call: Call = {
      method,
      url: new URL(url, addresses[host]),
      headers,
      body: arrived(Buffer.concat(chunks), fault),
      user: token === undefined ? undefined : (store.users.get(token) ?? "unknown"),
      store,
      settings,
      home: addresses.hub,
      storage: addresses.storage,
    };
    const reply = replyTo(host, call, fault);
    line.status = reply.status;
    if (fault?.loseAnswer) return void request.socket.destroy();
    line.sent = await send(request, response, distort(reply, fault), fault, (go) => held.push(go));
  }

  for (const host of ["hub", "storage", "elsewhere"] as const) {
    const server = createServer((request, response) => {
      // Who asks may break off: nobody is told.
      serve(host, request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    addresses[host] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    servers.push(server);
  }

  return {
    endpoint: addresses.hub,
    storage: addresses.storage,
    elsewhere: addresses.elsewhere,
    ...{ store, settings, seen, faults },
    put(id, contents, { kind = "models", message = "add files", reference = "main", ...more } = {}) {
      const repository = store.repositories.get(key(kind, id)) ?? newRepository(kind, id);
      store.repositories.set(key(kind, id), repository);
      Object.assign(repository, more);
      const all = new Map<string, StoredFile>(commitOf(repository, reference)?.files);
      for (const [path, content] of Object.entries(contents)) {
        const bytes = Buffer.from(content);
        const large = bytes.length >= settings.lfsFrom || LARGE_NAMES.test(path);
        if (large) {
          store.objects.set(sha256(bytes), bytes);
          repository.objects.add(sha256(bytes));
        }
        all.set(path, large ? largeFile(sha256(bytes), bytes.length) : regularFile(bytes));
      }
      return commit(repository, reference, message, "", all);
    },
    repository: (id, kind = "models") => store.repositories.get(key(kind, id)),
    contents(id, revision = "main", kind = "models") {
      const repository = store.repositories.get(key(kind, id));
      const found = repository && commitOf(repository, revision);
      const entries = [...(found?.files ?? [])].map(([path, { bytes, lfs }]) => {
        const content = bytes ?? store.objects.get(lfs?.sha256 ?? "");
        return [path, content ?? Buffer.alloc(0)] as const;
      });
      return Object.fromEntries(entries);
    },
    release() {
      for (const go of held) go();
      held = [];
    },
    clear() {
      seen.length = 0;
      faults.length = 0;
      left = new Map();
    },
    expireUploads: () => store.uploads.clear(),
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

const ROUTES = [repositories, uploads, files, listings];

function replyTo(host: Host, call: Call, fault: Does | undefined): Reply {
  if (fault?.answer !== undefined) {
    return typeof fault.answer === "number" ? refuse(fault.answer, "a fault of the test") : fault.answer;
  }
  if (fault?.redirect !== undefined) return { status: 307, headers: { location: fault.redirect } };
  if (host === "elsewhere") return json(200, { sha: "0".repeat(40) });
  try {
    const routes = host === "storage" ? [storage] : ROUTES;
    for (const route of routes) {
      const reply = route(call);
      if (reply) return reply;
    }
    return refuse(404, "Sorry, we can't find the page you are looking for.");
  } catch (error) {
    return refuse(400, error instanceof Error ? error.message : String(error));
  }
}

/** The request's body as the fault bends it. */
function arrived(body: Buffer, fault: Does | undefined): Buffer {
  if (fault?.corruptRequest !== undefined && body.length > 0) {
    const at = Math.min(fault.corruptRequest, body.length - 1);
    body.writeUInt8(body.readUInt8(at) ^ 0xff, at);
  }
  return fault?.shortenRequest === undefined ? body : body.subarray(0, Math.max(0, body.length - fault.shortenRequest));
}

/** The answer as the fault bends it. */
function distort(reply: Reply, fault: Does | undefined): Reply {
  let body = Buffer.from(reply.body ?? "");
  if (fault?.corrupt !== undefined && body.length > 0) {
    const at = Math.min(fault.corrupt, body.length - 1);
    body.writeUInt8(body.readUInt8(at) ^ 0xff, at);
  }
  if (fault?.shorten !== undefined) body = body.subarray(0, Math.max(0, body.length - fault.shorten));
  if (fault?.reword) body = Buffer.from(body.toString().replace(fault.reword[0], fault.reword[1]));
  return { status: reply.status, headers: { ...reply.headers, ...fault?.headers }, body };
}

/** Sends it, and gives the number of bytes of its body. */
async function send(
  { method, socket }: IncomingMessage,
  response: ServerResponse,
  { status, headers, body = "" }: Reply,
  fault: Does | undefined,
  hold: (go: () => void) => void,
): Promise<number> {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-length": String(bytes.length), ...headers });
  if (method === "HEAD") {
    response.end();
    return 0;
  }
  const stop = fault?.cutAnswer ?? fault?.hold;
  if (stop === undefined) {
    response.end(bytes);
    return bytes.length;
  }
  await new Promise<void>((resolve) => response.write(bytes.subarray(0, stop), () => resolve()));
  if (fault?.cutAnswer !== undefined) {
    // What was written is on its way before the connection ends.
    setTimeout(() => socket.destroy(), 30);
    return stop;
  }
  await new Promise<void>(hold);
  response.end(bytes.subarray(stop));
  return bytes.length;
}
