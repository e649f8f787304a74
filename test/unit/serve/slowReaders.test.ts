// Clients that take their answers slowly or not at all.

import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { AnswerParts } from "../../../lib/serve/replies/answerParts.js";
import { endless, metricsOf, served, until } from "./servers.js";

const piece = (sample: number, id: number, text: string) => ({ index: 1, sample, id, text, logprob: -id });

describe("parts of answers that are not taken", () => {
  it("become one for each answer, with everything in it", async () => {
    const parts = new AnswerParts(2, { logprobs: true, tokenIds: false });
    for (let id = 0; id < 100_000; id += 1) parts.piece(piece(id % 2, id, id < 4 ? `<${id}>` : ""));
    parts.answer({ index: 1, sample: 1, finish: "stop" });
    const taken = await parts.next();
    expect(taken?.map(({ place, text, finish }) => ({ place, text, finish }))).toEqual([
      { place: 2, text: "<0><2>", finish: undefined },
      { place: 3, text: "<1><3>", finish: "stop" },
    ]);
    expect(taken?.map(({ ids }) => ids.length)).toEqual([50_000, 50_000]);
    expect(taken?.[1]?.logprobs?.slice(0, 2)).toEqual([-1, -3]);
    parts.end();
    expect(await parts.next()).toBeUndefined();
  });

  it("are told as they come to a reader that waits, and before a failure", async () => {
    const parts = new AnswerParts(1, { logprobs: false, tokenIds: false });
    const waiting = parts.next();
    parts.piece(piece(0, 5, "")); // half a character
    parts.piece(piece(0, 6, "é"));
    expect(await waiting).toEqual([{ place: 1, text: "é", ids: [], logprobs: undefined, finish: undefined }]);
    parts.piece(piece(0, 7, "last"));
    parts.fail(new Error("broken"));
    expect((await parts.next())?.[0]?.text).toBe("last");
    await expect(parts.next()).rejects.toThrow("broken");
  });
});

describe("a client that reads nothing", () => {
  it("holds no slot when its answer is made, and is let go in the end", async () => {
    const model = await endless();
    const server = await served(model, { slots: 1, stallMs: 300 });
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1").pause();
    // Log-probabilities make 100 times the text: more than the buffers of sockets on this machine.
    const fields = { max_tokens: 4000, n: 16, stream: true, logprobs: 1, ignore_eos: true, return_token_ids: true };
    const body = JSON.stringify({ model: "tiny", prompt: "The sea", ...fields });
    const headers = `host: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    socket.write(`POST /v1/completions HTTP/1.1\r\n${headers}\r\n\r\n${body}`);
    const closed = new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
    await until(server, { requests_in_flight: 1 });
    await until(server, { slots_in_use: 0, requests_in_flight: 0 });
    const metrics = await metricsOf(server);
    expect(metrics['retemper_requests_total{route="/v1/completions",status="499"}']).toBe(1);
    socket.resume();
    await closed;
  });
});
