// What is opened for a search is closed, the folder's lock too, however the search and the closing end.

import { describe, expect, it } from "vitest";
import { closingAfter } from "../../../lib/search/closingAfter.js";

describe("what a work opened", () => {
  const closed: string[] = [];
  const close =
    (name: string, fails = false) =>
    async () => {
      closed.push(name);
      if (fails) throw new Error(`${name} does not close`);
    };

  it("is closed to the end, the last one first, and the work's own error is told", async () => {
    closed.length = 0;
    const work = closingAfter([close("data")], async (closes) => {
      closes.push(close("lock"), close("store", true), close("models", true));
      throw new Error("the work failed");
    });
    await expect(work).rejects.toThrow("the work failed");
    expect(closed).toEqual(["models", "store", "lock", "data"]);
  });

  it("is closed after a work that succeeds: its value is told, or the first close that failed", async () => {
    closed.length = 0;
    expect(await closingAfter([close("lock")], async () => 7)).toBe(7);
    const failing = closingAfter([close("lock"), close("store", true)], async () => 7);
    await expect(failing).rejects.toThrow("store does not close");
    expect(closed).toEqual(["lock", "store", "lock"]);
  });
});
