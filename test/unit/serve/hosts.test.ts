// Requests that never became one, and requests that came by a name which a stranger's page gave to this machine.

import { request } from "node:http";
import { connect } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import type { Model } from "../../../lib/generate/types.js";
import { hostCheck } from "../../../lib/http/hostCheck.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { golden, served } from "./servers.js";

let model: Model;
let server: ModelServer;

beforeAll(async () => {
  model = await golden("llama");
  server = await served(model);
});

interface Reply {
  readonly status: number | undefined;
  readonly error: Readonly<Record<string, unknown>> | undefined;
}

function ask({ url }: ModelServer, path: string, host: string): Promise<Reply> {
  return new Promise((done, failed) => {
    request(`${url}${path}`, { headers: { host } }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      reply.on("end", () => {
        const error = reply.statusCode === 200 ? undefined : (JSON.parse(text) as { error: Reply["error"] }).error;
        done({ status: reply.statusCode, error });
      });
    })
      .on("error", failed)
      .end();
  });
}

/** What comes back for these bytes: status, and the body as JSON. */
function send({ url }: ModelServer, bytes: string): Promise<Reply> {
  const { port, hostname } = new URL(url);
  return new Promise((done, failed) => {
    let text = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    socket.on("error", failed);
    socket.on("close", () => {
      const [head = "", body = ""] = text.split("\r\n\r\n");
      const { error } = JSON.parse(body) as { error: Reply["error"] };
      done({ status: Number(head.split(" ")[1]), error });
    });
  });
}

describe("a server", () => {
  it("refuses every path by a name that is not its own, with OpenAI's error", async () => {
    for (const path of ["/v1/models", "/health", "/metrics", "/absent"]) {
      for (const host of [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
      ]) {
        expect(await ask(server, path, host)).toEqual({
          status: 403,
          error: {
            message: expect.stringContaining(JSON.stringify(host)),
            type: "invalid_request_error",
            param: null,
            code: "host_not_allowed",
          },
        });
      }
    }
  });

  it("answers by the loopback's names, with any port, and by those it is given", async () => {
    const more = await served(model, { allowedHosts: ["models.example", "::2"] });
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.1.2.3", "[::1]:8000", "localhost."]) {
      expect(await ask(server, "/health", host), host).toMatchObject({ status: 200 });
    }
    for (const host of ["models.example:443", "Models.Example", "[::2]"]) {
      expect(await ask(more, "/health", host), host).toMatchObject({ status: 200 });
    }
    expect(await ask(more, "/health", "other.example")).toMatchObject({ status: 403 });
    expect(await ask(await served(model, { allowedHosts: ["*"] }), "/health", "other.example")).toMatchObject({
      status: 200,
    });
    await expect(served(model, { allowedHosts: ["http://a"] })).rejects.toMatchObject({ code: "USAGE" });
  });

  it("that listens on all addresses is found by any number, and by no strange name", () => {
    const isOurs = hostCheck({ host: "0.0.0.0" });
    expect(["10.1.2.3:8000", "[fe80::1]:8000", "localhost"].map(isOurs)).toEqual([true, true, true]);
    expect(["evil.example", "10.1.2.3.evil.example", "", "[::1"].map(isOurs)).toEqual([false, false, false, false]);
    const one = hostCheck({ host: "192.168.1.5" });
    expect([one("192.168.1.5:80"), one("192.168.1.6")]).toEqual([true, false]);
    const here = hostCheck({ host: "localhost" });
    expect([here("localhost:80"), here("127.0.0.1"), here("10.0.0.1")]).toEqual([true, true, false]);
    const named = hostCheck({ host: "gpu-box" });
    expect([named("gpu-box:80"), named("10.0.0.1"), named("other")]).toEqual([true, true, false]);
  });

  it("tells what is no HTTP, too large or without a host in the form of all errors", async () => {
    const wrong = { type: "invalid_request_error", param: null };
    expect(await send(server, "GARBAGE\r\n\r\n")).toMatchObject({ status: 400, error: wrong });
    expect(await send(server, "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")).toMatchObject({
      status: 400,
      error: { ...wrong, message: expect.stringContaining("Host") },
    });
    expect(await send(server, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(70_000)}\r\n\r\n`)).toMatchObject({
      status: 431,
      error: { ...wrong, code: "headers_too_large" },
    });
    expect(await send(server, "GET /%ZZ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).toMatchObject({
      status: 400,
      error: wrong,
    });
  });
});
