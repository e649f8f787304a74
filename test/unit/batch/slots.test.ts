import { expect, it } from "vitest";
import { Slots } from "../../../lib/batch/slots.js";

it("runs no more at a time than there are slots, the lowest priority first", async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const work = (priority: number) =>
    slots.run(priority, async () => {
      order.push(priority);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    });
  await Promise.all([5, 4, 9, 3, 9, 1].map(work));
  expect(most).toBe(2);
  expect(order).toEqual([5, 4, 1, 3, 9, 9]);
});

it("gives the slot of work that fails to the next", async () => {
  const slots = new Slots(1);
  await expect(slots.run(0, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(slots.run(0, async () => "yes")).resolves.toBe("yes");
});
