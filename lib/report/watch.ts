// Serves a run's folder to a browser while the run goes on: its status, then its report.

import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { hostCheck } from "../http/hostCheck.js";
import { type ExperimentStatus, STATUS_FILE } from "./status.js";

export interface WatchOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string | undefined;
  /** Any free one by default. */
  readonly port?: number | undefined;
  /** Names that requests may call this server by, beside the loopback's and `host`; "*" for any. */
  readonly allowedHosts?: readonly string[] | undefined;
}

export interface Watch {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Shows an experiment's folder at an address, whether its run goes on, has stopped or is done.
 * @throws RetemperError USAGE for a name that is none; BAD_INPUT for a folder that is not there; IO for an address that cannot be listened to
 * @example
 * ```ts
 * import { watch } from "retemper";
 *
 * const page = await watch("results"); // while run(…, "results") goes on, and afterwards
 * const reply = await fetch(page.url); // what a browser shows
 * console.log(reply.headers.get("content-type")); // text/html; charset=utf-8
 * await page.close();
 * ```
 */
export async function watch(
  folder: string,
  { host = "127.0.0.1", port = 0, allowedHosts }: WatchOptions = {},
): Promise<Watch> {
  const isOurs = hostCheck({ host, allowed: allowedHosts });
  const place = resolve(folder);
  const facts = await stat(place).catch(() => undefined);
  if (!facts?.isDirectory()) {
    throw new RetemperError("BAD_INPUT", "there is no such folder", {
      file: folder,
      hint: "give the --out of a retemper run that was started",
    });
  }
  const server = createServer((request, reply) => {
    answer(place, request, isOurs(request.headers.host)).then(
      ({ status, type, text }) => send(reply, status, type, text),
      () => send(reply, 500, "text/plain", "this folder cannot be read\n"),
    );
  });
  await new Promise<void>((done, failed) => {
    server.once("error", (error) =>
      failed(
        new RetemperError("IO", `cannot listen on ${host}:${port}: ${error.message}`, {
          cause: error,
          hint: "choose another --port",
        }),
      ),
    );
    server.listen(port, host, done);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function answer(folder: string, { method, url }: IncomingMessage, isOurs: boolean): Promise<Page> {
  if (!isOurs) return plain(403, "not by this name: --allowed-host lets it in");
  if (method !== "GET" && method !== "HEAD") return plain(405, "GET only");
  const status = await read(join(folder, STATUS_FILE));
  if (url === "/status.json") return { status: 200, type: "application/json", text: status?.text ?? "{}" };
  if (url !== "/") return plain(404, "there are / and /status.json");
  const known = status && (JSON.parse(status.text) as ExperimentStatus);
  if (!known || known.state === "done") {
    const report = (await read(join(folder, "report.html"))) ?? (await read(join(folder, "search.html")));
    if (report) return { status: 200, type: "text/html; charset=utf-8", text: report.text };
  }
  const waiting: ExperimentStatus = {
    ...{ name: "Not begun", labels: { asr: "ASR", score: "score" }, state: "running" },
    ...{ steps: [], measured: {}, candidates: [] },
  };
  const silence = status ? (Date.now() - status.time) / 1000 : 0;
  const { livePage } = await import("./page/livePage.js"); // with what draws plots, which takes a while to load
  return { status: 200, type: "text/html; charset=utf-8", text: livePage(known ?? waiting, silence) };
}

async function read(file: string): Promise<{ readonly text: string; readonly time: number } | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([
      readTextAtMost(file, { most: 2 ** 28, what: "a report" }),
      stat(file),
    ]);
    return { text, time: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function plain(status: number, text: string): Page {
  return { status, type: "text/plain", text: `${text}\n` };
}

function send(reply: ServerResponse, status: number, type: string, text: string): void {
  reply.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
  });
  reply.end(text);
}
