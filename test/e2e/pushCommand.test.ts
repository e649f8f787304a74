// `retemper push` as a command: what it prints, and that it can be killed at any of its requests and goes on.

import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startHub, WRITER } from "../hub/hubServer.js";
import { long } from "../long.js";
import { runHere } from "../unit/cli/inProcess.js";
import { asPushed, MODEL, onHub, pushPlace, weights } from "../unit/hub/pushFixture.js";
import { start } from "./command.js";

const hub = await startHub();
afterAll(() => hub.close());
const place = pushPlace(hub);
beforeEach(() => hub.clear());
const FILES = { ...MODEL, "extra.safetensors": weights(500, 2) };

describe("retemper push", () => {
  it("says what went where, what was left out, and what may be amiss", async () => {
    const { "README.md": _, ...bare } = MODEL;
    const out = place.folder({ ...bare, ".cache/x": "x" });
    const ran = await runHere(["push", out, "org/shown", "--private", "--message", "First"], { env: place.env });
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/model\.safetensors +\S+ \S+ +sent/);
    expect(ran.stdout).toMatch(/left out: \.cache \(hidden\)/);
    expect(ran.stdout).toMatch(/org\/shown is new\nhttp:.*\/org\/shown\/commit\/[0-9a-f]{40}\n$/);
    expect(ran.stderr).toMatch(/no README\.md/);
    expect(hub.repository("org/shown")?.private).toBe(true);
    const again = await runHere(["push", out, "org/shown", "--json"], { env: place.env });
    const last = JSON.parse(again.stdout.trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ event: "result", ok: true, result: { sentBytes: 0, made: false } });
    expect(`${ran.stdout}${ran.stderr}${again.stdout}${again.stderr}`).not.toContain(WRITER);
  });

  it("ends with 11 where the hub refuses, with 4 where the model is torn, with 2 for a name that is none", async () => {
    const statuses = [];
    for (const [out, name] of [
      [place.folder(), "other/model"],
      [place.folder({ ...MODEL, "model.safetensors": weights(9).subarray(0, 90) }), "org/torn"],
      [place.folder(), "model"],
    ] as const) {
      statuses.push((await runHere(["push", out, name], { env: place.env })).status);
    }
    expect(statuses).toEqual([11, 4, 2]);
  });

  it("is killed at each of its requests, one after the other, and goes on to the same bytes by one commit", async () => {
    const out = place.folder(FILES);
    const id = "org/killed";
    const expected = asPushed(out, FILES);
    // What each request does is done before the kill: the worst moment for whoever asks.
    for (let request = 0, ended = false; !ended; request += long ? 1 : 6) {
      hub.clear();
      hub.faults.push({ after: request, hold: 0, times: 1000 });
      const { process: child, finished } = start(["push", out, id], place.env);
      let over = false;
      void finished.then(() => {
        over = true;
      });
      await expect.poll(() => over || hub.seen.length > request, { timeout: 30_000, interval: 5 }).toBe(true);
      ended = over;
      child.kill("SIGKILL");
      await finished;
      hub.release();
      // All files or none.
      const files = hub.repository(id) ? onHub(hub, id) : {};
      expect([{}, expected]).toContainEqual(files);
      if (Object.keys(files).length > 0) ended = true;
    }
    hub.clear();
    await place.push(out, id);
    expect(onHub(hub, id)).toEqual(expected);
    expect(hub.repository(id)?.commits.size).toBe(2);
  });
});
