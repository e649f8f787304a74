// A small service that merges in its own process. The work is done by native threads, so the event loop stays free:
// GET /health tells how late it has been. A merge ends when its client hangs up.
//
//   POST /merges   {"name": "...", "recipe": {...}}  ->  a stream of JSON lines: progress, then result or error
//   GET  /merges   the merges that are running, with their progress
//   GET  /health   {"ok": true, "delayMs": {"max": ..., "p99": ...}}
//
// A recipe names folders, and this process opens them: put the service where only people may reach it whom you would
// let read those folders.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { PassThrough } from "node:stream";
import Fastify from "fastify";
import { merge, plan, RetemperError } from "retemper";

const MERGE_BODY = {
  type: "object",
  required: ["name", "recipe"],
  additionalProperties: false,
  properties: {
    name: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" }, // one folder below `outputs`, never a path
    recipe: { type: "object" },
    force: { type: "boolean" },
  },
};

/** Error codes of a merge that are the caller's to fix. */
const CLIENT_ERRORS = { BAD_RECIPE: 422, BAD_INPUT: 422, INCOMPATIBLE: 422, OUTPUT_EXISTS: 409 };

/**
 * The service, not yet listening.
 * @param {{ outputs: string, threads?: number }} options `outputs`: the folder under which results are written.
 */
export function buildService({ outputs, threads = 0 }) {
  const app = Fastify({ bodyLimit: 1 << 20 });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  /** @type {Map<string, { name: string, progress: object | null, controller: AbortController, done: Promise<void> }>} */
  const running = new Map();

  app.post("/merges", { schema: { body: MERGE_BODY } }, async (request, reply) => {
    const { name, recipe, force = false } = request.body;
    const controller = new AbortController();
    const { signal } = controller;
    reply.raw.on("close", () => {
      if (!reply.raw.writableFinished) controller.abort(new Error("the client has left"));
    });
    await plan(recipe, { signal, threads }); // what is wrong with the request is told by its status, before any work

    const id = randomUUID();
    const lines = new PassThrough();
    const job = { name, progress: null, controller, done: Promise.resolve() };
    running.set(id, job);
    const say = (line) => lines.write(`${JSON.stringify({ id, ...line })}\n`);
    job.done = merge(recipe, join(outputs, name), {
      signal,
      threads,
      force,
      onProgress(progress) {
        job.progress = progress;
        say({ progress });
      },
    })
      .then(
        ({ out, seconds, files }) => say({ result: { out, seconds, files } }),
        (error) => say({ error: describe(error) }),
      )
      .finally(() => {
        running.delete(id);
        lines.end();
      });
    return reply.type("application/x-ndjson").send(lines);
  });

  app.get("/merges", async () => [...running].map(([id, { name, progress }]) => ({ id, name, progress })));

  app.get("/health", async () => ({
    ok: true,
    delayMs: { max: delay.max / 1e6, p99: delay.percentile(99) / 1e6 },
  }));

  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof RetemperError ? (CLIENT_ERRORS[error.code] ?? 500) : (error.statusCode ?? 500);
    return reply.code(status).send({ error: describe(error) });
  });

  // A service that stops takes its merges along, and waits until their staging folders are gone.
  app.addHook("onClose", async () => {
    delay.disable();
    const jobs = [...running.values()];
    for (const { controller } of jobs) controller.abort(new Error("the service stops"));
    await Promise.all(jobs.map(({ done }) => done));
  });
  return app;
}

function describe(error) {
  const { code, message, file, tensor, hint } = error;
  return { code: code ?? "INTERNAL", message, file, tensor, hint };
}
