import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partAt } from "../../../../lib/play/page/partAt.js";

const written = (ids: readonly number[], complete = true) => ({ tokens: ids.map((id) => ({ id })), complete });

describe("where two answers part", () => {
  it("is the first token that differs", () => {
    expect(partAt(written([1, 2, 3]), written([1, 2, 4]))).toBe(2);
    expect(partAt(written([1]), written([2], false))).toBe(0);
  });

  it("is the end of the shorter one, once it has ended", () => {
    expect(partAt(written([1, 2]), written([1, 2, 3], false))).toBe(2);
    expect(partAt(written([1, 2, 3], false), written([1, 2]))).toBe(2);
  });

  it("is nowhere while one is only behind the other, or both are the same", () => {
    expect(partAt(written([1, 2], false), written([1, 2, 3]))).toBeUndefined();
    expect(partAt(written([]), written([], false))).toBeUndefined();
    expect(partAt(written([1, 2]), written([1, 2]))).toBeUndefined();
  });

  it("stays where it is, however much comes after it", () => {
    const ids = fc.array(fc.nat(3), { maxLength: 8 });
    fc.assert(
      fc.property(ids, ids, ids, ids, (one, other, more, further) => {
        const at = partAt(written(one, false), written(other, false));
        if (at !== undefined) expect(partAt(written([...one, ...more]), written([...other, ...further]))).toBe(at);
      }),
    );
  });
});
