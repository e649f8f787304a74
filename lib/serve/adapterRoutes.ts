// Loading and unloading adapters while a server runs, with the requests and answers of vLLM's server.

import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { LoadedAdapters } from "./loadedAdapters.js";
import { readBody } from "./requests/readBody.js";

const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, `must be ${what}`);
const named = { lora_name: text("the name that requests have for the adapter") };
const NO_OBJECT = { error: "the body must be an object" };
const unloading = z.object(named, NO_OBJECT);
const loading = z.object({ ...named, lora_path: text("the path of an adapter's folder") }, NO_OBJECT);

export function addAdapterRoutes(v1: FastifyInstance, adapters: LoadedAdapters): void {
  v1.post("/load_lora_adapter", async ({ body }, reply) => {
    const { lora_name: name, lora_path: path } = readBody(loading, body);
    await adapters.load(name, path);
    return reply.type("text/plain").send(`Success: LoRA adapter '${name}' added successfully.`);
  });
  v1.post("/unload_lora_adapter", async ({ body }, reply) => {
    const { lora_name: name } = readBody(unloading, body);
    adapters.unload(name);
    return reply.type("text/plain").send(`Success: LoRA adapter '${name}' removed successfully.`);
  });
}
