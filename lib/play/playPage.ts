// The page that shows what lambda does, as a part of a server: its files at play/, what it asks for at play/api/.

import type { FastifyInstance } from "fastify";
import { readBody } from "../serve/requests/readBody.js";
import type { PartContext, ServerPart } from "../serve/serverPart.js";
import { streamAnswers } from "./answers.js";
import { addPageFiles, PAGE_HEADERS, readPageFiles } from "./pageFiles.js";
import { playFacts } from "./playFacts.js";
import type { PlayOptions } from "./playOptions.js";
import { answersBody } from "./playRequests.js";

/** Reads the page's files; gives what `serve` takes as one of its parts. */
export async function playPage(options: PlayOptions = {}): Promise<ServerPart> {
  const files = await readPageFiles();
  return async (routes, context) => {
    // Relative, so that it holds behind a proxy that serves all of this below a path of its own.
    routes.get("/play", async (_request, reply) => reply.redirect("play/"));
    routes.register(
      async (page) => {
        page.addHook("onSend", async (_request, reply) => {
          reply.headers(PAGE_HEADERS);
        });
        addPageFiles(page, files);
        page.register(async (api) => addApi(api, context, options), { prefix: "/api" });
      },
      { prefix: "/play" },
    );
  };
}

function addApi(api: FastifyInstance, context: PartContext, options: PlayOptions): void {
  const { model, settings, guard } = context;
  api.addHook("onRequest", guard);
  api.addHook("onRequest", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });
  api.get("/facts", async () => playFacts(model, settings, options));
  api.post("/answers", async ({ body }, reply) => streamAnswers(readBody(answersBody, body), context, reply));
}
