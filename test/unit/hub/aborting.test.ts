// What ends with its signal although whatever it waits for never hears of it.

import { describe, expect, it } from "vitest";
import { chunksOf, orAborted } from "../../../lib/hub/aborting.js";

const never = <T>() => new Promise<T>(() => {});

describe("a request whose signal ends", () => {
  it("ends with the signal's reason, and what comes later is given to who leaves it", async () => {
    const stop = new AbortController();
    await expect(orAborted(Promise.resolve(1), stop.signal, () => {})).resolves.toBe(1);
    let arrive: (value: string) => void = () => {};
    const work = new Promise<string>((resolve) => {
      arrive = resolve;
    });
    const left = new Promise((resolve) => {
      const waiting = orAborted(work, stop.signal, resolve);
      waiting.catch((error) => expect(error).toBe(stop.signal.reason));
    });
    stop.abort(new Error("enough"));
    arrive("late");
    await expect(left).resolves.toBe("late");
    await expect(orAborted(never(), stop.signal, () => {})).rejects.toThrow("enough");
  });

  it("ends although its body neither goes on nor ends, and closes it", async () => {
    const stop = new AbortController();
    let closed: unknown;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Uint8Array.of(1, 2)),
      pull: () => never(),
      cancel: (reason) => {
        closed = reason ?? "closed";
      },
    });
    const got: number[] = [];
    const read = async () => {
      for await (const chunk of chunksOf(new Response(body), stop.signal)) {
        got.push(...chunk);
        stop.abort(new Error("enough"));
      }
    };
    await expect(read()).rejects.toThrow("enough");
    expect([got, closed]).toEqual([[1, 2], "closed"]);
  });

  it("is read to its end without one", async () => {
    const got: number[] = [];
    for await (const chunk of chunksOf(new Response("abc"), undefined)) got.push(...chunk);
    expect(Buffer.from(got).toString()).toBe("abc");
    for await (const _ of chunksOf(new Response(null), undefined)) expect.fail("it has no body");
  });
});
