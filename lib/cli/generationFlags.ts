// The options of the commands that run models: which model on which engine, and how answers are made.

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  BLOCK_QUANTISATIONS,
  type GenerateOptions,
  type Model,
  type ModelOptions,
  openEndpoint,
  openModel,
  RetemperError,
  type TextGenerator,
} from "../index.js";
import { downloading } from "./downloading.js";
import { formatBytes, parseInteger, parseSize } from "./quantities.js";
import type { Session } from "./session.js";
import { type LambdaFlags, lambdaOptions, lambdasOf } from "./values.js";

/** Of a model that is a recipe: a virtual merge. */
export interface RecipeFlags extends LambdaFlags {
  readonly fidelity?: "exact" | "linear" | undefined;
}

export function addRecipeOptions(command: Command, each: string): void {
  command.optionsGroup("Of a recipe (virtual merge):");
  for (const option of lambdaOptions(each)) command.addOption(option);
  command.addOption(
    new Option("--fidelity <how>", "exact: as the written merge; linear: products summed").choices(["exact", "linear"]),
  );
}

export interface EngineFlags {
  readonly engine?: "auto" | "native" | "tensorflow" | "reference" | "endpoint";
  readonly precision?: "float32" | "bfloat16";
  readonly cache?: ModelOptions["cache"];
  readonly weights?: ModelOptions["weights"];
  readonly weightsCache?: string;
  readonly threads?: number;
  readonly requireGpu?: boolean;
  readonly maxMemory?: number;
  readonly endpoint?: string | undefined;
  readonly apiKeyEnv?: string;
  readonly concurrency?: number;
  /** The argument `model` by another name. */
  readonly model?: string;
}

/** Of a model that runs in this process. */
export function addLocalEngineOptions(command: Command, engines = "native or tensorflow"): void {
  command
    .optionsGroup("Where the model runs:")
    .option("--engine <name>", `auto (TensorFlow where it drives a GPU, else native), ${engines}`, parseEngine)
    .addOption(new Option("--precision <dtype>", "of activations (default float32)").choices(["float32", "bfloat16"]))
    .addOption(
      new Option("--cache <dtype>", "of keys and values (default: as --precision)").choices([
        "float32",
        "bfloat16",
        "int8",
      ]),
    )
    .addOption(
      new Option(
        "--weights <how>",
        "decoded: as they are (default); asStored: the blocks of a GGUF file; others: in blocks made now",
      ).choices(["decoded", "asStored", ...BLOCK_QUANTISATIONS]),
    )
    .option("--weights-cache <folder>", "keeps the blocks that --weights makes, for the next time")
    .option("--threads <n>", "threads that compute (default: one for each core)", parseInteger(1))
    .option("--require-gpu", "fail where no GPU does the work")
    .option("--max-memory <size>", "memory for weights, cache and activations (default: what is free)", parseSize);
}

export function addEngineOptions(command: Command): void {
  addLocalEngineOptions(command, "native, tensorflow, or endpoint");
  command
    .option("--endpoint <url>", "ask the model of this name on an OpenAI-compatible server (vLLM, llama.cpp, Ollama)")
    .option("--api-key-env <name>", "variable with the server's key (default RETEMPER_API_KEY)")
    .option("--concurrency <n>", "requests to the server at once (default 8)", parseInteger(1));
}

export interface AnswerFlags {
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly stopToken?: readonly number[];
  readonly ignoreEos?: boolean;
}

/** How many tokens are drawn, and from which; the help texts of two options differ from command to command. */
export function addSamplingOptions(command: Command, length: string, temperature: string): void {
  command
    .option("--max-new-tokens <n>", length, parseInteger(1))
    .option(
      "--temperature <t>",
      temperature,
      parseReal("0 or more", (value) => value >= 0),
    )
    .option("--top-k <k>", "draw from the k likeliest tokens; 0: from all (default)", parseInteger(0))
    .option(
      "--top-p <p>",
      "draw from the likeliest tokens that have probability p together (default 1)",
      parseReal("above 0 and at most 1", (value) => value > 0 && value <= 1),
    )
    .option(
      "--repetition-penalty <x>",
      "for tokens of prompt and answer (default 1: none)",
      parseReal("above 0", (value) => value > 0),
    );
}

export function addAnswerOptions(command: Command): void {
  const more = (value: string, before: readonly string[] = []) => [...before, unescaped(value)];
  const moreIds = (value: string, before: readonly number[] = []) => [...before, parseInteger(0)(value)];
  command.optionsGroup("How answers are made:");
  addSamplingOptions(command, "new tokens at most (default 256)", "0 is greedy (default)");
  command
    .option("--seed <n>", "of the random draws (default 0)", parseInteger(0))
    .option("--stop <text>", "ends an answer, \\n is a new line (may be repeated)", more)
    .option("--stop-token <id>", "ends an answer, beside the model's own (may be repeated)", moreIds)
    .option("--ignore-eos", "continue past the model's own stop tokens");
}

export function answerOptions(flags: AnswerFlags): GenerateOptions {
  const { maxNewTokens, temperature, topK, topP, repetitionPenalty, seed, stop, stopToken, ignoreEos } = flags;
  const stopTokens = stopToken;
  return { maxNewTokens, temperature, topK, topP, repetitionPenalty, seed, stop, stopTokens, ignoreEos };
}

/** Where a model of this process runs. */
export function localOptions(flags: EngineFlags): ModelOptions {
  const { engine, requireGpu, precision, cache, weights, weightsCache, threads, maxMemory } = flags;
  const named = engine === "endpoint" ? undefined : engine;
  return { engine: named, requireGpu, precision, cache, weights, weightsCache, threads, maxMemory };
}

/** How a model of this process, or a recipe, is opened. */
export function modelOptions(flags: EngineFlags & RecipeFlags, session: Session): ModelOptions {
  const { fidelity } = flags;
  const { signal } = session;
  return { ...localOptions(flags), lambdas: lambdasOf(flags), fidelity, signal, hub: downloading(session) };
}

/** What answers: a model of this process, or an endpoint, whose tokenizer is not known. */
export type OpenedModel = TextGenerator & Partial<Pick<Model, "tokenizer">>;

/** Opens what the command line names: a model, one behind --endpoint, or one behind an address of its own, URL#NAME. */
export async function openGenerator(
  argument: string | undefined,
  flags: EngineFlags & RecipeFlags,
  session: Session,
): Promise<OpenedModel> {
  const { env } = session;
  const model = argument ?? flags.model;
  if (model === undefined) throw new RetemperError("USAGE", "missing required argument 'model'");
  const [, address, name] = /^(https?:\/\/[^#]+)#(.+)$/.exec(model) ?? [];
  const url = address ?? flags.endpoint;
  const { engine } = flags;
  if (url !== undefined && (engine ?? "endpoint") !== "endpoint") {
    throw new RetemperError("USAGE", `--engine ${engine} runs a model here, and ${url} is a server`, {
      hint: "leave one of them out",
    });
  }
  const lambdas = lambdasOf(flags);
  const { fidelity } = flags;
  if (url !== undefined && (lambdas !== undefined || fidelity !== undefined)) {
    throw new RetemperError("USAGE", `--lambda and --fidelity are of recipes, and ${url} is a server`, {
      hint: "ask for the model of one lambda by the name that the server has for it",
    });
  }
  if (url !== undefined) {
    const apiKey = env[flags.apiKeyEnv ?? "RETEMPER_API_KEY"];
    return openEndpoint(url, { model: name ?? model, apiKey, concurrency: flags.concurrency });
  }
  if (engine === "endpoint") {
    throw new RetemperError("USAGE", "--engine endpoint needs the server's address", {
      hint: "give --endpoint URL, such as http://localhost:8000/v1",
    });
  }
  const opened = await openModel(model, modelOptions(flags, session));
  warnFromDisk(opened, session);
  return opened;
}

/** Says once what it costs that a model is larger than memory. */
export function warnFromDisk({ facts: { model, fromDisk } }: TextGenerator, { renderer }: Session): void {
  if (fromDisk === undefined) return;
  renderer.warn(
    `${model} does not fit into memory: each step may read ${formatBytes(fromDisk.bytes)} from disk. ` +
      "Weights in fewer bits (--weights q4_k_m), more memory (--max-memory) or more sequences at once help: " +
      "a step reads once for all of them.",
  );
}

/** "gemma on native (cpu: avx512, 2 threads), float32" */
export function describeEngine({ facts }: TextGenerator): string {
  const { engine, device, precision, cache, fidelity, lambdas, weights, fromDisk } = facts;
  const merge = fidelity === undefined ? "" : `, ${fidelity}${lambdas ? ` at lambda ${lambdas.join(", ")}` : ""}`;
  const form = weights === undefined ? "" : `, weights ${weights === "asStored" ? "as stored" : `in ${weights}`}`;
  const kept = cache === undefined ? "" : `, keys and values in ${cache}`;
  return `${engine} (${device})${precision === undefined ? "" : `, ${precision}`}${kept}${merge}${form}${fromDisk ? ", weights from disk" : ""}`;
}

/** "reference" is for tests of this program: slow, and not documented. */
function parseEngine(name: string): NonNullable<EngineFlags["engine"]> {
  const known = ["auto", "native", "tensorflow", "endpoint", "reference"] as const;
  const found = known.find((engine) => engine === name);
  if (found === undefined) throw new InvalidArgumentError("Give auto, native, tensorflow or endpoint.");
  return found;
}

/** An option's parser for numbers that fit. */
export function parseReal(wanted: string, fits: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || !fits(value)) {
      throw new InvalidArgumentError(`Give a number ${wanted}.`);
    }
    return value;
  };
}

/** \n, \t, \r and \\ as shells leave them. */
function unescaped(text: string): string {
  const letters: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\" };
  return text.replace(/\\([ntr\\])/g, (_, letter: string) => letters[letter] as string);
}
