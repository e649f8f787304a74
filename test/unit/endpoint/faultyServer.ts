// A real HTTP server on this machine that speaks OpenAI's API and fails as it is told.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
}

/** Answers one request; the number counts all requests from 0. */
export type Handler = (request: Received, response: ServerResponse, number: number) => void | Promise<void>;

export interface FaultyServer {
  readonly url: string;
  readonly received: Received[];
  /** Requests that were in work at the same time, at most. */
  readonly mostAtOnce: () => number;
}

const open: (() => Promise<void>)[] = [];

export async function closeServers(): Promise<void> {
  for (const close of open.splice(0)) await close();
}

/** A server that is closed after the test. */
export async function faultyServer(handle: Handler): Promise<FaultyServer> {
  const received: Received[] = [];
  let now = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    now += 1;
    most = Math.max(most, now);
    response.on("close", () => {
      now -= 1;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = {
      path: request.url ?? "",
      headers: request.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    };
    received.push(one);
    await handle(one, response, received.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  onTestFinished(closeServers);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, received, mostAtOnce: () => most };
}

export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

/** The usual answer: the last message, or the prompt, in capitals, once for each sample. */
export const shout: Handler = ({ path, body }, response) => {
  const said = textOf(body).toUpperCase();
  const choices = Array.from({ length: (body.n as number | undefined) ?? 1 }, (_, index) => ({
    index,
    ...(path.endsWith("/chat/completions") ? { message: { role: "assistant", content: said } } : { text: said }),
    finish_reason: "stop",
  }));
  json(response, { choices, usage: { prompt_tokens: 3, completion_tokens: 2 * choices.length } });
};

export function textOf({ messages, prompt }: Record<string, unknown>): string {
  if (Array.isArray(messages)) return (messages.at(-1) as { content: string }).content;
  return Array.isArray(prompt) ? `ids ${prompt}` : (prompt as string);
}

/** A stream of events; text is written as it is, so that tests can cut anywhere. */
export function stream(response: ServerResponse, ...parts: readonly (string | Uint8Array)[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const part of parts) response.write(part);
}

export function event(value: unknown): string {
  return `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
}

export function delta(content: string, finish: string | null = null, index = 0): string {
  return event({ choices: [{ index, delta: { content }, finish_reason: finish }] });
}
