// Servers of a golden model for tests, and what their metrics say.

import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { afterAll } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { GenerateOptions, Generation, Model, Prompt } from "../../../lib/generate/types.js";
import type { ServeOptions } from "../../../lib/serve/options.js";
import { type ModelServer, serve } from "../../../lib/serve/serve.js";
import { type FolderChanges, type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";

/** A golden model, closed when the test file has run. */
export async function golden(name: GoldenModel, changes?: FolderChanges): Promise<Model> {
  const model = await openModel(modelFolder(name, changes), { engine: "native" });
  afterAll(() => model.close());
  return model;
}

/** A model that can go on for longer than any test waits. */
export const endless = (): Promise<Model> => golden("llama", { config: { max_position_embeddings: 200_000 } });

/** What makes it go on. */
export const ENDLESS = { max_tokens: 150_000, ignore_eos: true } as const;

export async function served(model: Model, options: ServeOptions = {}): Promise<ModelServer> {
  const server = await serve(model, { port: 0, name: "tiny", graceMs: 0, maxTokens: 150_000, ...options });
  afterAll(() => server.close());
  return server;
}

/** OpenAI's client, which does not try again by itself here. */
export function clientOf({ url }: ModelServer, apiKey = "none"): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

export async function answers(
  model: Model,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const found: Generation[] = [];
  for await (const answer of model.generate(prompts, options)) found.push(answer);
  return found.sort((a, b) => a.index - b.index || a.sample - b.sample);
}

/** The values of metrics without labels, and with them as they are written. */
export async function metricsOf({ url }: ModelServer): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** Waits until metrics are as wanted; the test's own time limit ends what never comes. */
export async function until(server: ModelServer, wanted: Readonly<Record<string, number>>): Promise<void> {
  for (;;) {
    const metrics = await metricsOf(server);
    if (Object.entries(wanted).every(([name, value]) => metrics[`retemper_${name}`] === value)) return;
    await sleep(5);
  }
}
