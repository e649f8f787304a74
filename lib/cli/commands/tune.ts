// `retemper tune MODEL DATA OUT`: trains LoRA adapters, one a seed.

import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { RetemperError, type TuneOptions, type TuneProgress, type TuneReport, tune } from "../../index.js";
import { downloading } from "../downloading.js";
import { parseReal } from "../generationFlags.js";
import { formatCount, formatDuration, parseInteger } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";
import { parseSeeds } from "../values.js";

interface TuneFlags {
  readonly engine?: TuneOptions["engine"];
  readonly threads?: number;
  readonly precision?: TuneOptions["precision"];
  readonly requireGpu?: boolean;
  readonly rank?: number;
  readonly alpha?: number;
  readonly dropout?: number;
  readonly targetModules?: string | readonly string[];
  readonly rslora?: boolean;
  readonly dora?: boolean;
  readonly lr?: number;
  readonly schedule?: NonNullable<TuneOptions["schedule"]>;
  readonly warmupRatio?: number;
  readonly weightDecay?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly adamEpsilon?: number;
  readonly maxGradNorm?: number;
  readonly batch?: number;
  readonly accumulate?: number;
  readonly epochs?: number;
  readonly maxSteps?: number;
  readonly stopAfter?: number;
  readonly shuffle: boolean;
  readonly groupByLength?: boolean;
  readonly validation?: number;
  readonly seed?: number;
  readonly seeds?: readonly number[];
  readonly initFrom?: string;
  readonly cutoff?: number;
  readonly paperExact?: boolean;
  readonly system?: string;
  readonly saveSteps?: number;
  readonly keepActivations?: boolean;
  readonly preset?: "paper";
  readonly task?: NonNullable<TuneOptions["task"]>;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly quiet?: boolean;
}

export function addTuneCommand(program: Command, session: Session): Command {
  const atLeast0 = parseReal("of at least 0", (value) => value >= 0);
  const above0 = parseReal("above 0", (value) => value > 0);
  const share = parseReal("of at least 0 and below 1", (value) => value >= 0 && value < 1);
  const command = program
    .command("tune")
    .description("train a LoRA adapter on a model, as PEFT does, into a folder that PEFT and vLLM load")
    .argument("<model>", "folder of the model, or its id in the hub's cache")
    .argument("<data>", "rows: a .json, .jsonl, .csv or .parquet file, a folder, or hf://datasets/…")
    .argument("<out>", "folder of the adapter; with --seeds one folder a seed in it")
    .optionsGroup("The adapter:")
    .option("--rank <r>", "rank of the low-rank terms (default 8)", parseInteger(1))
    .option("--alpha <a>", "terms are multiplied by alpha / rank (default 16)", above0)
    .option("--dropout <p>", "share of their inputs left out (default 0)", share)
    .option("--target-modules <names>", "names a,b,c, a regular expression, or all-linear (default)", parseTargets)
    .option("--rslora", "multiply by alpha / sqrt(rank)")
    .option("--dora", "train magnitudes too (DoRA)")
    .option("--init-from <path>", "begin with this adapter")
    .optionsGroup("The training:")
    .addOption(new Option("--preset <name>", "the paper's settings; flags come before them").choices(["paper"]))
    .addOption(
      new Option("--task <name>", "of the preset: it ends after step 200 for tools, else after 500").choices([
        "reasoning",
        "code",
        "medical",
        "tools",
      ]),
    )
    .option("--lr <rate>", "the highest learning rate (default 1e-4)", above0)
    .addOption(
      new Option("--schedule <name>", "after the warm-up (default cosine)").choices(["cosine", "linear", "constant"]),
    )
    .option("--warmup-ratio <x>", "share of the steps over which the rate rises (default .1)", atLeast0)
    .option("--weight-decay <x>", "decoupled (default 0)", atLeast0)
    .option("--beta1 <x>", "of AdamW (default .9)", share)
    .option("--beta2 <x>", "of AdamW (default .999)", share)
    .option("--adam-epsilon <x>", "of AdamW (default 1e-8)", above0)
    .option("--max-grad-norm <x>", "clip gradients at this norm, 0: never (default 1)", atLeast0)
    .option("--batch <n>", "rows of a micro-batch (default 8)", parseInteger(1))
    .option("--accumulate <n>", "micro-batches of a step (default 1)", parseInteger(1))
    .option("--epochs <n>", "times each row is seen (default 3)", parseInteger(1))
    .option("--max-steps <n>", "steps instead of epochs", parseInteger(1))
    .option("--stop-after <n>", "end after so many steps of the schedule", parseInteger(1))
    .option("--seed <n>", "of initialisation, order, hold-out and dropout (default 42)", parseInteger(0))
    .option("--seeds <list>", "one adapter for each, in OUT/seed-N", parseSeeds)
    .option("--keep-activations", "compute each layer once, for more memory (default: where there is room)")
    .option("--no-keep-activations", "compute each layer twice, for the memory of one")
    .optionsGroup("The rows:")
    .option("--validation <share>", "share held out by the seed (default .1)", share)
    .option("--cutoff <tokens>", "the longest row (default 1024)", parseInteger(2))
    .option("--paper-exact", "cut long rows as LLaMA-Factory does: prompt and answer in proportion")
    .option("--system <text>", "system prompt of rows that have none")
    .option("--no-shuffle", "take the rows as they are")
    .option("--group-by-length", "rows of similar length in a batch")
    .optionsGroup("Output:")
    .option(
      "--save-steps <n>",
      "a checkpoint each time so many steps are done (default 100; 0: at the end)",
      parseInteger(0),
    )
    .option("--resume", "resume from the last checkpoint, to the same bytes")
    .option("--force", "replace an output that exists, once the new one is whole");
  command
    .optionsGroup("Where the model runs:")
    .option(
      "--engine <name>",
      "auto (TensorFlow where it drives a GPU, else native), native or tensorflow",
      parseEngine,
    )
    .addOption(
      new Option("--precision <dtype>", "of activations in products with the weights (default float32)").choices([
        "float32",
        "bfloat16",
      ]),
    )
    .option("--threads <n>", "threads that compute (default: one for each core)", parseInteger(1))
    .option("--require-gpu", "fail where no GPU does the work");
  addCommonOptions(command);
  return command.action(async (model: string, data: string, out: string, flags: TuneFlags) => {
    const { seeds, seed } = flags;
    if (seeds !== undefined && seed !== undefined) {
      throw new RetemperError("USAGE", "--seed and --seeds both give seeds", { hint: "use one of them" });
    }
    session.goesOnWith({ add: ["--resume"], without: ["--force"] });
    const reports: (TuneReport & { readonly seed: number })[] = [];
    const all = seeds ?? [seed ?? 42];
    for (const [at, each] of all.entries()) {
      const place = seeds === undefined ? out : join(out, `seed-${each}`);
      const phase = seeds === undefined ? "tune" : `seed ${each} (${at + 1} of ${all.length})`;
      const report = await tune(model, data, place, {
        ...optionsOf(flags),
        seed: each,
        signal: session.signal,
        hub: downloading(session),
        onProgress: progressOf(session, phase, all.length - at - 1),
        onStopped: ({ message, hint = "" }) => session.renderer.warn(`${message} ${hint}`.trimEnd()),
      });
      reports.push({ ...report, seed: each });
      if (at + 1 < all.length) {
        const { adapter, seconds, steps } = report;
        const facts = { event: "tuned", seed: each, adapter, seconds, steps: steps.length };
        session.renderer.ended(facts, `${phase}: ${describe(report)}`);
      }
    }
    const [only] = reports;
    const text = reports.map(describe).join("\n");
    session.renderer.result(seeds === undefined ? only : { seeds: reports }, text);
  });
}

function optionsOf(flags: TuneFlags): TuneOptions {
  const { lr, batch, beta1, beta2, adamEpsilon, validation, seeds: _, quiet: __, ...same } = flags;
  const betas = beta1 === undefined && beta2 === undefined ? undefined : ([beta1 ?? 0.9, beta2 ?? 0.999] as const);
  return { ...same, learningRate: lr, batchSize: batch, betas, epsilon: adamEpsilon, validation: validation ?? 0.1 };
}

function describe({ adapter, steps, rows, validation, parameters, seconds, engine }: TuneReport): string {
  const last = steps.at(-1)?.loss.toFixed(4);
  const held = validation.at(-1);
  const cut = rows.cut > 0 ? `, ${formatCount(rows.cut)} cut off` : "";
  const dropped = rows.dropped > 0 ? `, ${formatCount(rows.dropped)} without an answer left out` : "";
  return [
    `${adapter}: ${formatCount(steps.length)} steps on ${formatCount(rows.train)} rows${cut}${dropped}, loss ${last}` +
      (held === undefined ? "" : `, ${held.loss.toFixed(4)} on ${formatCount(rows.validation)} held out`),
    `${formatDuration(seconds)}, ${formatCount(parameters)} numbers trained, by ${engine}`,
  ].join("\n");
}

/** @param more trainings that follow, as long as this one */
function progressOf({ renderer }: Session, phase: string, more: number): (progress: TuneProgress) => void {
  return (progress) => {
    const { done, total, loss, validationLoss, tokensPerSecond, secondsLeft } = progress;
    const ofAll = secondsLeft === undefined || done === total ? undefined : 1 + (more * total) / (total - done);
    renderer.event({ event: "step", ...progress });
    renderer.progress({
      phase,
      done,
      total,
      bytesPerSecond: 0,
      secondsLeft: ofAll && secondsLeft && secondsLeft * ofAll,
      amount: `${formatCount(done)} / ${formatCount(total)} steps`,
      rate:
        `loss ${loss.toFixed(4)}${validationLoss === undefined ? "" : `, held out ${validationLoss.toFixed(4)}`}, ` +
        `${formatCount(Math.round(tokensPerSecond))} tokens/s`,
    });
  };
}

/** A list is of names; tune distinguishes the other forms. */
function parseTargets(text: string): string | string[] {
  return /^[\w.]+(,[\w.]+)+$/.test(text) ? text.split(",") : text;
}

/** "reference" is for tests of this program: slow, and not documented. */
function parseEngine(name: string): NonNullable<TuneOptions["engine"]> {
  const found = (["auto", "native", "tensorflow", "reference"] as const).find((engine) => engine === name);
  if (found === undefined) throw new InvalidArgumentError("Give auto, native or tensorflow.");
  return found;
}
