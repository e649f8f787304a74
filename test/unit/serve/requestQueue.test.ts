// Who may begin, who waits, and who is refused.

import { describe, expect, it } from "vitest";
import { RequestQueue } from "../../../lib/serve/requestQueue.js";

const { signal } = new AbortController();

/** Lets promises that are resolved go on. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("a queue", () => {
  it("lets requests in while there are slots for their answers, then strictly in turn", async () => {
    const queue = new RequestQueue({ slots: 4, queue: 10 });
    const order: string[] = [];
    const enter = async (name: string, answers: number) => {
      const leave = await queue.enter(answers, signal);
      order.push(name);
      return leave;
    };
    const a = await enter("a", 3);
    const b = enter("b", 2);
    const c = enter("c", 1); // would fit, and waits behind b
    await settled();
    expect([order, queue.taken, queue.waiting]).toEqual([["a"], 3, 2]);
    a();
    await settled();
    expect([order, queue.taken, queue.waiting]).toEqual([["a", "b", "c"], 3, 0]);
    (await b)();
    (await b)(); // twice is once
    (await c)();
    expect(queue.taken).toBe(0);
  });

  it("lets a request with more answers than slots have them all", async () => {
    const queue = new RequestQueue({ slots: 2, queue: 1 });
    const leave = await queue.enter(100, signal);
    expect(queue.taken).toBe(2);
    leave();
    expect(queue.taken).toBe(0);
  });

  it("refuses those for whom there is no place, without a queue too", async () => {
    const queue = new RequestQueue({ slots: 1, queue: 0 });
    const leave = await queue.enter(1, signal);
    await expect(queue.enter(1, signal)).rejects.toMatchObject({ status: 429, code: "queue_full" });
    leave();
    (await queue.enter(1, signal))();
  });

  it("forgets those that leave while they wait, and lets in whom they held up", async () => {
    const queue = new RequestQueue({ slots: 2, queue: 10 });
    const first = await queue.enter(1, signal);
    const leaving = new AbortController();
    const large = queue.enter(2, leaving.signal);
    const small = queue.enter(1, signal);
    await settled();
    expect(queue.waiting).toBe(2);
    leaving.abort(new Error("left"));
    await expect(large).rejects.toThrow("left");
    const second = await small;
    expect([queue.taken, queue.waiting]).toEqual([2, 0]);
    first();
    second();
    await expect(queue.enter(1, leaving.signal)).rejects.toThrow("left");
    expect(queue.taken).toBe(0);
  });
});
