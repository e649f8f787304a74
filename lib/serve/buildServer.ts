// The routes of a server and what holds for all of them: keys, limits, errors in OpenAI's form, counts.

import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Model, Tokenizer } from "../generate/types.js";
import { addAdapterRoutes } from "./adapterRoutes.js";
import { answerRequest, type Question } from "./answerRequest.js";
import { ApiError, toApiError } from "./apiError.js";
import { keyCheck } from "./keyCheck.js";
import { LoadedAdapters } from "./loadedAdapters.js";
import type { ServerSettings } from "./options.js";
import { refuseUnread } from "./refuseUnread.js";
import { chatShape } from "./replies/chatShape.js";
import { completionShape } from "./replies/completionShape.js";
import type { TokenText } from "./replies/replyShape.js";
import { RequestQueue } from "./requestQueue.js";
import { readChatRequest } from "./requests/chatRequest.js";
import { readCompletionRequest } from "./requests/completionRequest.js";
import { RequestsInFlight } from "./requestsInFlight.js";
import { type ServedModel, ServedModels } from "./servedModels.js";
import { ServerMetrics } from "./serverMetrics.js";

/** How long a client may take to send its request, in milliseconds. */
const REQUEST_TIMEOUT = 60_000;

/** How long the model's thread may take to say that it lives: more than any step of its work. */
const HEALTH_TIMEOUT = 5000;

export interface BuiltServer {
  readonly app: FastifyInstance;
  readonly inFlight: RequestsInFlight;
  readonly models: ServedModels;
}

/** Nothing listens yet. */
export function buildServer(model: Model, settings: ServerSettings): BuiltServer {
  const app = Fastify({
    bodyLimit: settings.bodyLimit,
    requestTimeout: REQUEST_TIMEOUT,
    forceCloseConnections: true, // of what `drain` leaves
    routerOptions: { maxParamLength: 1000 },
    http: { requireHostHeader: false }, // told below, in the form of all errors
    clientErrorHandler: refuseUnread,
    frameworkErrors: (error, _request, reply) => {
      const { status, body } = toApiError(error);
      (reply as FastifyReply).code(status).send(body);
    },
  });
  // A page in somebody's browser can send anything but JSON here without asking.
  app.removeContentTypeParser("text/plain");
  const adapters = new LoadedAdapters(settings.adapters, settings.name);
  const models = new ServedModels(settings.name, model.facts, settings.adapters && adapters);
  const inFlight = new RequestsInFlight();
  const queue = new RequestQueue(settings);
  const metrics = new ServerMetrics(queue, () => inFlight.count);
  const failures = new WeakMap<object, unknown>();

  app.addHook("onRequest", async (request, reply) => {
    const since = performance.now();
    reply.raw.once("close", () => {
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 499;
      const seconds = (performance.now() - since) / 1000;
      const route = request.routeOptions.url ?? "none";
      metrics.ended(route, status, seconds);
      const error = failures.get(reply.raw);
      settings.onRequest?.({ method: request.method, route, status, seconds, ...(error !== undefined && { error }) });
    });
  });
  app.addHook("onRequest", async ({ headers: { host }, raw }) => {
    if (host === undefined && raw.httpVersion !== "1.0") throw new ApiError(400, "the request has no Host header");
    if (!settings.isOurs(host)) {
      const message = `this server does not answer to the name ${JSON.stringify(host)}: --allowed-host lets it in`;
      throw new ApiError(403, message, { code: "host_not_allowed" });
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = toApiError(error);
    if (status >= 500 && !(error instanceof ApiError)) failures.set(reply.raw, error);
    return reply.code(status).headers(headers).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new ApiError(404, `there is no ${request.method} ${request.url.split("?", 1)[0]?.slice(0, 200)} here`);
  });

  app.get("/health", async (_request, reply) => {
    const status = inFlight.draining ? "shutting down" : (await isAlive(model)) ? "ok" : "failed";
    return reply.code(status === "ok" ? 200 : 503).send({ status, model: settings.name, engine: model.facts.engine });
  });
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));

  const failed = (reply: FastifyReply, error: unknown) => {
    if (!(error instanceof ApiError)) failures.set(reply.raw, error);
  };
  const answer =
    (ask: (request: FastifyRequest) => Question) => async (request: FastifyRequest, reply: FastifyReply) => {
      const signal = inFlight.begin(reply.raw);
      const { stallMs } = settings;
      const answering = { model, queue, metrics, stallMs, failed: (error: unknown) => failed(reply, error) };
      return answerRequest(ask(request), answering, reply, signal);
    };
  const tokenText = addedTexts(model.tokenizer);
  const checkKey = settings.apiKey === undefined ? undefined : keyCheck(settings.apiKey);
  const guard = async ({ headers }: FastifyRequest) => {
    checkKey?.(headers.authorization);
    inFlight.refuseWhenDraining();
  };
  const created = Math.floor(Date.now() / 1000);
  const listed = ({ id, lambda, root, parent }: ServedModel) => {
    const own = { id, object: "model", created, owned_by: "retemper", lambda, root, parent };
    return { ...own, lambda_range: models.range, ...(parent === undefined && { weight_names: models.weightNames }) };
  };
  app.register(
    async (v1) => {
      v1.addHook("onRequest", guard);
      v1.get("/models", async () => ({ object: "list", data: models.list.map(listed) }));
      v1.get<{ Params: { "*": string } }>("/models/*", async ({ params }) => listed(models.find(params["*"])));
      addAdapterRoutes(v1, adapters);
      v1.post(
        "/chat/completions",
        answer(({ body }) => {
          const { model: name, at, messages, ...asked } = readChatRequest(body, settings);
          const shape = chatShape(tokenText, asked.tokenIds);
          return { ...asked, served: models.find(name, at), prompts: [messages], shape };
        }),
      );
      v1.post(
        "/completions",
        answer(({ body }) => {
          const { model: name, at, prompts, ...asked } = readCompletionRequest(body, settings);
          const shape = completionShape(tokenText, asked.tokenIds);
          return { ...asked, served: models.find(name, at), prompts, shape };
        }),
      );
    },
    { prefix: "/v1" },
  );
  const begin = (reply: FastifyReply) => inFlight.begin(reply.raw);
  const lent = { model, models, settings, queue, tokenText, guard, begin, failed };
  for (const part of settings.parts) app.register((routes) => part(routes, lent));
  return { app, inFlight, models };
}

/** The text that each token adds in the middle of a text: some tokenizers leave out the space that begins a text. */
function addedTexts(tokenizer: Tokenizer): TokenText {
  const before = tokenizer.encode("a", { addSpecialTokens: false });
  const start = tokenizer.decode(before).length;
  return (id) => tokenizer.decode([...before, id]).slice(start);
}

/** Whether the model's thread answers. Nothing is asked of it, so it does once its step is done. */
async function isAlive(model: Model): Promise<boolean> {
  try {
    await model.logprobs([], { signal: AbortSignal.timeout(HEALTH_TIMEOUT) });
    return true;
  } catch {
    return false;
  }
}
