// An experiment on a server (vLLM and others that serve LoRA adapters): a linear merge of a model with its own adapter is
// the adapter scaled by lambda, so the run writes a scaled adapter for each lambda, and asks each by its name.

import { join } from "node:path";
import { parseAddress } from "../../endpoint/address.js";
import type { Endpoint } from "../../endpoint/endpoint.js";
import { openEndpoint } from "../../endpoint/openEndpoint.js";
import { RetemperError } from "../../errors.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeShared } from "../../files/writeShared.js";
import { sweep } from "../../merge/sweep.js";
import type { TunedModel } from "../candidates/merges.js";
import type { Digests } from "../digests/contents.js";
import { digestOf } from "../digests/digestOf.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { gridOf } from "../settings/methodEntry.js";
import { modelParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { type Batch, defineStep, single } from "./step.js";

export type EndpointSettings = NonNullable<NonNullable<ExperimentSettings["engine"]>["endpoint"]>;

/** What is asked of the server, and how. */
export interface ServedNames {
  readonly url: string;
  readonly concurrency?: number | undefined;
  readonly apiKey?: string | undefined;
  /** Of the aligned model. */
  readonly aligned: string;
  /** Adapters by name. */
  readonly modules: ReadonlyMap<string, string>;
  /** Starts a server that has them all. */
  readonly command: string;
}

/** The name that a scaled adapter is served by; without a lambda, the adapter as it was tuned. */
export function moduleName(seed: string, lambda?: number): string {
  return `seed-${seed}${lambda === undefined ? "" : `-lambda-${lambda}`}`;
}

export interface ServedStage {
  readonly batches: readonly Batch[];
  readonly served: ServedNames;
}

/** Writes the scaled adapters, each once; serve.sh, which starts a server that has them, is written at once. */
export async function servedStage(
  settings: ExperimentSettings,
  endpoint: EndpointSettings,
  tuned: readonly TunedModel[],
  {
    models,
    contents,
    out,
    apiKey,
  }: {
    readonly models: ModelDigests;
    readonly contents: Digests;
    readonly out: string;
    readonly apiKey?: string | undefined;
  },
): Promise<ServedStage> {
  const lambdas = [...new Set(settings.methods.flatMap((entry) => gridOf(entry, settings)))].sort((a, b) => a - b);
  const modules = new Map<string, string>();
  const batches: Batch[] = [];
  let rank = 8;
  for (const { seed, model } of tuned) {
    const adapter = modelParts(model)[1]?.path as string; // endpointProblems refuses whole models
    modules.set(moduleName(seed), adapter);
    rank = Math.max(rank, await rankOf(adapter));
    const folder = join(out, "adapters", moduleName(seed));
    const recipe = { merge_method: "linear", models: [{ model: settings.aligned }, { model }] };
    const inputs = { recipe: digestOf("settings", models.within(recipe)), lambdas: digestOf("settings", lambdas) };
    batches.push(
      single(
        defineStep("scale", `scaled adapters seed ${seed}`, inputs),
        async ({ signal }) => {
          const made = await sweep(recipe as never, { lambdas }, folder, { outAdapter: true, force: true, signal });
          const files = made.points.flatMap(({ name, files: own }) =>
            own.map((one) => ({ ...one, path: join(name, one.path) })),
          );
          return { newTokens: 0, bytesWritten: made.bytesWritten, files };
        },
        { intact: ({ files = [] }) => contents.areIn(folder, files) },
      ),
    );
    for (const lambda of lambdas) modules.set(moduleName(seed, lambda), join(folder, `lambda-${lambda}`));
  }
  const aligned = endpoint.model ?? settings.aligned;
  const command = commandOf(settings.aligned, aligned, endpoint, modules, rank);
  await writeShared(join(out, "serve.sh"), `#!/bin/sh\n# Serves what this experiment asks.\n${command}\n`);
  const { url, concurrency } = endpoint;
  return { batches, served: { url, concurrency, apiKey, aligned, modules, command } };
}

export function openServed({ url, concurrency, apiKey }: ServedNames, model: string): Endpoint {
  return openEndpoint(url, { model, concurrency, apiKey });
}

/**
 * @throws RetemperError NETWORK for a server that is not there or lacks a name, with the command that starts it
 */
export async function checkServed({ url, apiKey, aligned, modules, command }: ServedNames, signal?: AbortSignal) {
  const hint = `start it so, then run this again:\n${command}`;
  let names: string[];
  try {
    const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    const reply = await fetch(parseAddress(url).method("models"), {
      headers,
      redirect: "error",
      signal: signal ?? null,
    });
    if (!reply.ok) throw new Error(`it answers ${reply.status}`);
    const { data } = (await reply.json()) as { data: readonly { readonly id: string }[] };
    names = data.map(({ id }) => id);
  } catch (error) {
    signal?.throwIfAborted();
    const { message, cause } = error as Error & { cause?: Error };
    throw new RetemperError(
      "NETWORK",
      `the server ${url} cannot be asked for its models: ${cause?.message ?? message}`,
      {
        hint,
        cause: error,
      },
    );
  }
  const missing = [aligned, ...modules.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new RetemperError("NETWORK", `the server ${url} does not have ${missing.join(", ")}`, { hint });
  }
}

async function rankOf(adapter: string): Promise<number> {
  const config = JSON.parse(
    await readTextAtMost(join(adapter, "adapter_config.json"), { most: 2 ** 24, what: "an adapter's settings" }),
  ) as {
    r?: number;
    rank_pattern?: Record<string, number>;
  };
  return Object.values(config.rank_pattern ?? {}).reduce((most, rank) => Math.max(most, rank), config.r ?? 8);
}

/** vLLM takes ranks of these sizes. */
const RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

function commandOf(
  folder: string,
  name: string,
  { url }: EndpointSettings,
  modules: ReadonlyMap<string, string>,
  rank: number,
): string {
  const port = new URL(parseAddress(url).method("models")).port || "8000";
  return [
    `vllm serve ${quoted(folder)} --served-model-name ${quoted(name)} --port ${port} --enable-lora`,
    `--max-loras ${modules.size} --max-lora-rank ${RANKS.find((one) => one >= rank) ?? rank}`,
    "--lora-modules",
    ...[...modules].map(([module, path]) => quoted(`${module}=${path}`)),
  ].join(" \\\n  ");
}

function quoted(text: string): string {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}
