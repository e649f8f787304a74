// The time that a run will take, with a clock that the test moves.

import { describe, expect, it } from "vitest";
import { TimeLeft } from "../../../lib/experiment/steps/timeLeft.js";

/** A run of ten answering steps whose cost was taken for 1000 tokens each. */
function tenSteps(kind = "ask") {
  const time = new TimeLeft();
  const steps = Array.from({ length: 10 }, (_, at) => ({ key: `k${at}`, name: `step ${at}`, work: 1000, kind }));
  time.planned(steps);
  let now = 0;
  return {
    time,
    /** Does a step at so many tokens a second; it ends after `tokens`. */
    work(key: string, { tokens, perSecond }: { tokens: number; perSecond: number }) {
      time.begin(key, key, now);
      for (let part = 1; part <= 20; part++) {
        now += (1000 * tokens) / 20 / perSecond;
        time.advance({ done: part, total: 20, tokens: (tokens / 20) * part }, now);
      }
      return time.end(key, "us", now);
    },
    begin: (key: string) => time.begin(key, key, now),
    wait(seconds: number, tokens?: number) {
      now += 1000 * seconds;
      time.advance({ done: 0, total: 20, tokens }, now);
    },
    get seconds() {
      return now / 1000;
    },
  };
}

describe("the time left of a run", () => {
  it("is unknown at first, and where nobody said what the steps cost", () => {
    const { time, begin, wait } = tenSteps();
    expect(time.secondsLeft).toBeUndefined();
    begin("k0");
    wait(2, 100);
    expect(time.secondsLeft).toBeUndefined();
    wait(2, 200);
    expect(time.secondsLeft).toBeCloseTo(9800 / 50, 5);

    const unknown = new TimeLeft();
    unknown.begin("a", "a", 0);
    unknown.advance({ done: 5, total: 10, tokens: 500 }, 10_000);
    expect(unknown.secondsLeft).toBeUndefined();
  });

  it("is right at a steady speed after every step, however far the cost was off", () => {
    for (const tokens of [250, 1000, 3000, 60_000]) {
      const run = tenSteps();
      const took = tokens / 100; // seconds of a step
      for (let at = 0; at < 10; at++) {
        expect(run.work(`k${at}`, { tokens, perSecond: 100 })).toEqual({ seconds: expect.closeTo(took), tokens });
        if (run.seconds > 3 && at < 9) expect((run.time.secondsLeft as number) / ((9 - at) * took)).toBeCloseTo(1, 6);
      }
      expect(run.time.secondsLeft).toBe(0);
    }
  });

  it("is within a fifth in the midst of a step once one step showed what the cost means", () => {
    const run = tenSteps();
    run.work("k0", { tokens: 250, perSecond: 50 }); // answers are a quarter as long as planned
    run.begin("k1");
    for (const [at, tokens] of [50, 100, 150, 200].entries()) {
      run.wait(1, tokens);
      const left = 9 * 5 - (at + 1);
      expect(Math.abs((run.time.secondsLeft as number) - left) / left).toBeLessThan(0.2);
    }
  });

  it("follows a machine that becomes slower, and is not thrown about by one slow moment", () => {
    const run = tenSteps();
    for (const key of ["k0", "k1", "k2"]) run.work(key, { tokens: 1000, perSecond: 10 });
    expect(run.time.secondsLeft).toBeCloseTo(700, 0);
    run.begin("k3");
    run.wait(10, 0); // nothing for ten seconds
    expect(run.time.secondsLeft).toBeLessThan(800);
    run.work("k3", { tokens: 1000, perSecond: 5 });
    run.work("k4", { tokens: 1000, perSecond: 5 });
    expect(run.time.secondsLeft).toBeGreaterThan(900); // 1000 at the new speed
  });

  it("keeps the speeds of tuning and answering apart", () => {
    const time = new TimeLeft();
    time.planned([
      { key: "t", name: "tune", work: 10_000, kind: "tune" },
      { key: "a", name: "ask", work: 1000, kind: "ask" },
      { key: "b", name: "ask", work: 1000, kind: "ask" },
    ]);
    time.begin("t", "tune", 0);
    time.advance({ done: 50, total: 100, tokens: 5000 }, 5000);
    time.end("t", "us", 10_000); // 1000 tokens a second
    time.begin("a", "ask", 10_000);
    time.end("a", "us", 30_000); // 50 a second
    expect(time.secondsLeft).toBeCloseTo(20, 5);
  });

  it("counts what others do in the same time, and nothing for what was there before", () => {
    const run = tenSteps();
    for (const key of ["k7", "k8"]) run.time.end(key, "before", 0);
    expect(run.time.place).toEqual({ k: 2, n: 10 });
    run.work("k0", { tokens: 1000, perSecond: 100 });
    expect(run.time.secondsLeft).toBeCloseTo(70, 5);
    run.time.end("k1", "others", 10_000); // in the same ten seconds
    expect((run.time.secondsLeft as number) / 30).toBeCloseTo(1, 1); // six steps, two in ten seconds
    expect(run.time.place).toEqual({ k: 4, n: 10 });
  });

  it("has what comes later in it until that is known", () => {
    const run = tenSteps();
    run.time.later(2000, "ask");
    run.work("k0", { tokens: 500, perSecond: 100 }); // answers are half as long as planned
    expect(run.time.secondsLeft).toBeCloseTo((9 * 500 + 1000) / 100, 5);
    run.time.later(0);
    expect(run.time.secondsLeft).toBeCloseTo((9 * 500) / 100, 5);
    expect(run.time.place).toEqual({ k: 1, n: 10 });
  });

  it("takes a step's own measure where it tells no tokens, and a new cost for a step that is named again", () => {
    const time = new TimeLeft();
    time.planned([{ key: "j", name: "judge", work: 100 }]);
    time.begin("j", "judge", 0);
    time.advance({ done: 50, total: 100 }, 10_000);
    expect(time.secondsLeft).toBeCloseTo(10, 5);
    time.planned([{ key: "k", name: "judge more", work: 100 }]);
    expect(time.secondsLeft).toBeCloseTo(30, 5);
    time.planned([{ key: "k", name: "judge more", work: 0 }]);
    expect(time.secondsLeft).toBeCloseTo(10, 5);
  });
});
