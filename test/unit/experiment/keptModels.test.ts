// Models that stay open between the steps of a run.

import { describe, expect, it } from "vitest";
import type { OpenMerge } from "../../../lib/experiment/candidates/openVirtual.js";
import { KeptModels } from "../../../lib/experiment/steps/keptModels.js";

/** Opens merges by name, and notes what it opens and closes. */
function opener() {
  const events: string[] = [];
  async function* open(name: string, lambdas: readonly number[]): AsyncGenerator<OpenMerge, void, void> {
    events.push(`open ${name} ${lambdas}`);
    try {
      yield { model: { name } as never, lambdas };
    } finally {
      events.push(`close ${name}`);
    }
  }
  return { events, open };
}

async function ask(kept: KeptModels, name: string, from: ReturnType<typeof opener>, bytes = 1): Promise<number[]> {
  const grids: number[] = [];
  const opening = { open: () => from.open(name, [1, 2]), once: () => from.open(`${name} once`, [1]) };
  for await (const { lambdas = [] } of kept.use(name, bytes, opening)) grids.push(lambdas.length);
  return grids;
}

describe("models that stay open", () => {
  it("are opened once, with all lambdas, and closed at the end", async () => {
    const [kept, from] = [new KeptModels(), opener()];
    expect([await ask(kept, "a", from), await ask(kept, "b", from), await ask(kept, "a", from)]).toEqual([
      [2],
      [2],
      [2],
    ]);
    expect(from.events).toEqual(["open a 1,2", "open b 1,2"]);
    await kept.close();
    expect(from.events.slice(2)).toEqual(["close b", "close a"]);
  });

  it("are sixteen at most: the one that was used longest ago makes room", async () => {
    const [kept, from] = [new KeptModels(), opener()];
    for (let at = 0; at < 16; at++) await ask(kept, `${at}`, from);
    await ask(kept, "0", from);
    await ask(kept, "one more", from);
    expect(from.events.filter((event) => event.startsWith("close"))).toEqual(["close 1"]);
    await kept.close();
  });

  it("are none that are large for the memory that is free: these are opened with what is asked alone", async () => {
    const [kept, from] = [new KeptModels(), opener()];
    expect(await ask(kept, "large", from, 1e15)).toEqual([1]);
    expect(from.events).toEqual(["open large once 1", "close large once"]);
  });

  it("are closed after a failure, and opened again", async () => {
    const [kept, from] = [new KeptModels(), opener()];
    const failing = async () => {
      const opening = { open: () => from.open("a", [1, 2]), once: () => from.open("once", [1]) };
      for await (const _ of kept.use("a", 1, opening)) throw new Error("its thread ended");
    };
    await expect(failing()).rejects.toThrow("its thread ended");
    expect(from.events).toEqual(["open a 1,2", "close a"]);
    await ask(kept, "a", from);
    expect(from.events.at(-1)).toBe("open a 1,2");
    await kept.close();
  });
});
