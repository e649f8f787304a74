// The page that shows what lambda does, as a part of a server: its files at play/, what it asks for at play/api/.

import type { FastifyInstance } from "fastify";
import { keywordJudge } from "../evaluate/judges/keywordJudge.js";
import { ApiError } from "../serve/apiError.js";
import { RequestQueue } from "../serve/requestQueue.js";
import { readBody } from "../serve/requests/readBody.js";
import type { PartContext, ServerPart } from "../serve/serverPart.js";
import { streamAnswers } from "./answers.js";
import { addPageFiles, PAGE_HEADERS, readPageFiles } from "./pageFiles.js";
import { playFacts } from "./playFacts.js";
import type { PlayOptions } from "./playOptions.js";
import {
  answersBody,
  askedPoints,
  measureBody,
  promptOf,
  recipeBody,
  refusalsBody,
  verdictsBody,
} from "./playRequests.js";
import { PromptSet } from "./promptSet.js";
import { recipeAt } from "./recipeAt.js";
import { refusalPhrases, refusalsAt } from "./refusals.js";
import { verdictsOf } from "./verdicts.js";

/**
 * The page on which lambda is moved and the answer changes, at /play/: what `serve` takes as one of its parts.
 * @throws RetemperError IO where the build has left the page's files out
 * @example
 * ```ts
 * import { openModel, playPage, readPlayed, serve } from "retemper";
 *
 * const played = await readPlayed("models/aligned+models/adapter"); // or a recipe, or an experiment's folder
 * const model = await openModel(played.source, { lambdas: played.lambdas, seed: played.seed });
 * const server = await serve(model, { port: 0, name: "town", parts: [await playPage(played)] });
 * const page = await fetch(`${server.url}/play/`);
 * console.log(page.status, played.lambdas); // 200 [ 0, 0.5, 1 ]
 * await server.close();
 * await model.close();
 * ```
 */
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
  const { model, models, settings, guard, begin, queue } = context;
  const { judge = keywordJudge(), source } = options;
  const phrases = refusalPhrases(options.refusals);
  // One at a time beside the answers, which wait for none of them: a strip is long work that nobody reads before its end.
  const strips = new RequestQueue({ slots: 1, queue: settings.queue });
  const set = options.set === undefined ? undefined : new PromptSet(options.set);
  api.addHook("onRequest", guard);
  api.addHook("onRequest", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });
  api.get("/facts", async () => playFacts(context, { ...options, judge }));
  api.post("/answers", async ({ body }, reply) => streamAnswers(readBody(answersBody, body), context, reply));
  api.post("/refusals", async ({ body }, reply) => {
    const { lambdas, ...asked } = readBody(refusalsBody, body);
    const prompt = promptOf(asked);
    askedPoints(
      lambdas.map((lambda) => ({ lambda })),
      models,
    );
    const signal = begin(reply);
    const leave = await strips.enter(1, signal);
    try {
      return await refusalsAt(model, prompt, lambdas, phrases, signal);
    } finally {
      leave();
    }
  });
  api.post("/verdicts", async ({ body }, reply) => {
    const asked = readBody(verdictsBody, body);
    const signal = begin(reply);
    const leave = await queue.enter(1, signal); // the judge may be a model
    try {
      return { verdicts: await verdictsOf(asked, judge, signal) };
    } finally {
      leave();
    }
  });
  api.post("/recipe", async ({ body }, reply) => {
    const { point } = readBody(recipeBody, body);
    askedPoints([point], models);
    const text = await recipeAt(source, point);
    const file = `attachment; filename="${settings.name.replace(/[^\w.-]+/g, "_")}${point.lambda === undefined ? "" : `-${point.lambda}`}.yml"`;
    return reply.header("content-disposition", file).type("application/yaml; charset=utf-8").send(text);
  });
  api.post("/measure", async ({ body }) => {
    const { prompt } = readBody(measureBody, body);
    if (set !== undefined) return set.add(prompt);
    throw new ApiError(409, "there is no set to add to: start with --set FILE", { code: "no_set" });
  });
}
