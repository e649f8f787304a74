// Downloads without pip, from servers on this machine: both forms of an index, broken connections, credentials.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchWheel } from "../../../lib/setup/fetchWheel.js";
import { wheelFile } from "../../../lib/setup/wheels.js";
import { makeWheel } from "./makeWheel.js";

const { wheel, bytes } = makeWheel("pkg", [
  { name: "data", data: Uint8Array.from({ length: 400_000 }, (_, i) => i % 251), stored: true },
]);
const name = wheelFile(wheel);

let folder: string;
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-fetch-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const page = (url: string) => `<a href="${url}">${name}</a>`;

function sendFile({ headers }: IncomingMessage, response: ServerResponse, cut = Number.POSITIVE_INFINITY): void {
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
  const rest = bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": rest.length,
    ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (rest.length <= cut) response.end(rest);
  else response.write(rest.subarray(0, cut)); // and nothing more
}

describe("a download", () => {
  it.each([
    [
      "application/vnd.pypi.simple.v1+json",
      JSON.stringify({ files: [{ filename: name, url: `../../files/${name}` }] }),
    ],
    ["text/html", page(`../../files/${name}`)],
  ])("finds the file by an index in %s", async (type, body) => {
    const index = await serve((request, response) => {
      if (request.url === "/simple/pkg/" && request.headers.accept?.includes("vnd.pypi.simple.v1+json")) {
        response.setHeader("content-type", type).end(body);
      } else if (request.url === `/files/${name}`) sendFile(request, response);
      else response.writeHead(404).end();
    });
    const seen: number[] = [];
    const onBytes = (done: number) => seen.push(done);
    expect(await fetchWheel(wheel, folder, { onBytes }, [`${index}/simple`])).toBeUndefined();
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    expect(seen.at(-1)).toBe(bytes.length);
  });

  it("asks the next index where one does not have the file or does not answer", async () => {
    const empty = await serve((_, response) => response.writeHead(404).end());
    const broken = await serve((_, response) => response.writeHead(500).end());
    const good = await serve((request, response) => {
      if (request.url === "/pkg/") response.setHeader("content-type", "text/html").end(page(`/files/${name}`));
      else sendFile(request, response);
    });
    expect(await fetchWheel(wheel, folder, {}, [empty, broken, good])).toBeUndefined();
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    const closed = await serve(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const problem = await fetchWheel(wheel, folder, {}, [empty, broken, closed]);
    expect(problem).toMatch(/does not list .*\n.*HTTP 500\n.*ECONNREFUSED/);
  });

  it("goes on where a broken connection ended, as long as each brings something", async () => {
    const ranges: (string | undefined)[] = [];
    let current: ServerResponse | undefined;
    const index = await serve((request, response) => {
      if (request.url === "/pkg/") {
        response.setHeader("content-type", "text/html").end(page(name));
        return;
      }
      ranges.push(request.headers.range);
      current = response;
      sendFile(request, response, 90_000);
    });
    const onBytes = () => current?.destroy(); // it has come, so it has been written
    expect(await fetchWheel(wheel, folder, { onBytes }, [index])).toBeUndefined();
    expect(ranges.length).toBeGreaterThan(3);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  });

  it("gives up where connections bring nothing any more", async () => {
    let asked = 0;
    const index = await serve((request, response) => {
      if (request.url === "/pkg/") {
        response.setHeader("content-type", "text/html").end(page(name));
        return;
      }
      asked += 1;
      response.destroy();
    });
    expect(await fetchWheel(wheel, folder, {}, [index])).toMatch(/fetch failed/);
    expect(asked).toBe(3);
    expect(existsSync(join(folder, name))).toBe(false);
  });

  it("goes on with what a killed run left, and begins anew where the server cannot", async () => {
    let continues = true;
    const index = await serve((request, response) => {
      if (request.url === "/pkg/") response.setHeader("content-type", "text/html").end(page(name));
      else if (continues) sendFile(request, response);
      else response.end(bytes);
    });
    const part = join(folder, `${name}.part`);
    writeFileSync(part, bytes.subarray(0, 123_456));
    expect(await fetchWheel(wheel, folder, {}, [index])).toBeUndefined();
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    continues = false;
    writeFileSync(part, "something else");
    expect(await fetchWheel(wheel, folder, {}, [index])).toBeUndefined();
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  });

  it("leaves no file of that name when it fails or is aborted", async () => {
    const controller = new AbortController();
    const index = await serve((request, response) => {
      if (request.url === "/pkg/") response.setHeader("content-type", "text/html").end(page(name));
      else response.writeHead(200, { "content-length": bytes.length }).write(bytes.subarray(0, 1000));
    });
    const options = { signal: controller.signal, onBytes: () => controller.abort(new Error("enough")) };
    await expect(fetchWheel(wheel, folder, options, [index])).rejects.toThrow("enough");
    expect(existsSync(join(folder, name))).toBe(false);
  });

  it("sends an index's credentials to that server only, and shows them to nobody", async () => {
    const seen: Record<string, string | undefined> = {};
    const files = await serve((request, response) => {
      seen.files = request.headers.authorization;
      sendFile(request, response);
    });
    const index = await serve((request, response) => {
      seen.index = request.headers.authorization;
      response.setHeader("content-type", "text/html").end(page(`${files}/${name}`));
    });
    const secret = index.replace("http://", "http://user:p%40ss@");
    expect(await fetchWheel(wheel, folder, {}, [secret])).toBeUndefined();
    expect(seen).toEqual({ index: `Basic ${Buffer.from("user:p@ss").toString("base64")}`, files: undefined });
    const problem = await fetchWheel({ ...wheel, version: "2.0" }, folder, {}, [secret]);
    expect(problem).toMatch(/does not list/);
    expect(problem).not.toMatch(/p@ss|p%40ss|user/);
  });
});
