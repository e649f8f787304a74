// A proxy that puts a path before a server's own, as people have in front of theirs, and that can hold streams of answers back:
// what a page does while an answer is being written is seen without a race.

import { once } from "node:events";
import { createServer, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GatedProxy {
  /** The page's address below the prefix. */
  readonly url: string;
  /** Bodies of the requests for answers, in order. */
  readonly asked: readonly {
    readonly points: readonly { readonly lambda: number }[];
    readonly messages: readonly { readonly content: string }[];
  }[];
  /** Connections of answers that the page has left. */
  readonly left: number;
  /** From now on, streams stop after so many events of answers. */
  hold(events: number): void;
  /** Lets all that is held go on, and what comes. */
  release(): void;
  close(): void;
}

export async function gatedProxy(server: string, prefix = "/models/town"): Promise<GatedProxy> {
  let left = 0;
  let limit = Number.POSITIVE_INFINITY;
  let wake: (() => void)[] = [];
  const asked: GatedProxy["asked"][number][] = [];
  const gate = createServer(async (from, to) => {
    const path = from.url ?? "";
    if (!path.startsWith(`${prefix}/`)) return to.writeHead(404).end();
    const parts: Buffer[] = [];
    for await (const part of from) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const isAnswers = path.endsWith("/api/answers");
    if (isAnswers) asked.push(JSON.parse(body.toString()));
    const headers = { ...from.headers, host: new URL(server).host };
    const onward = request(`${server}${path.slice(prefix.length)}`, { method: from.method, headers }, async (reply) => {
      to.writeHead(reply.statusCode ?? 502, reply.headers);
      let passed = 0;
      try {
        for await (const chunk of reply.setEncoding("utf8")) {
          for (const event of isAnswers ? (chunk as string).split(/(?<=\n\n)/) : [chunk]) {
            while (passed >= limit && !to.destroyed) await new Promise<void>((go) => wake.push(go));
            passed += isAnswers ? 1 : 0;
            to.write(event);
          }
        }
        to.end();
      } catch {
        to.destroy(); // the server, or the reader, has left in the middle
      }
    });
    onward.on("error", () => to.destroy()).end(body);
    watch(to, () => {
      left += isAnswers ? 1 : 0;
      onward.destroy();
      release();
    });
  });
  const release = () => {
    const waiting = wake;
    wake = [];
    for (const go of waiting) go();
  };
  return {
    ...(await listening(gate, prefix)),
    asked,
    get left() {
      return left;
    },
    hold: (events) => {
      limit = events;
    },
    release: () => {
      limit = Number.POSITIVE_INFINITY;
      release();
    },
  };
}

async function listening(gate: Server, prefix: string) {
  gate.listen(0, "127.0.0.1");
  await once(gate, "listening");
  const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}${prefix}/play/`;
  const close = () => {
    gate.closeAllConnections();
    gate.close();
  };
  return { url, close };
}

/** Calls `gone` when the reader leaves before the reply has ended. */
function watch(to: ServerResponse, gone: () => void): void {
  to.on("close", () => {
    if (!to.writableFinished) gone();
  });
}
