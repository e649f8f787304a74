// experiment.yml: what may stand in it, by one schema that also makes the JSON Schema for editors.

import { z } from "zod";
import { METHOD_NAMES } from "../../recipe/methods.js";
import { CONTROL_KINDS } from "./controlKinds.js";
import { bbhSchema, lmEvalSchema } from "./harnessSchema.js";
import { judgeSchema } from "./judgeSchema.js";
import { controlSchema, gridSchema, methodSchema } from "./mergesSchema.js";
import { proxySchema } from "./proxySchema.js";
import { searchSchema } from "./searchSchema.js";
import { selectSchema } from "./selectSchema.js";
import { shipSchema } from "./shipSchema.js";
import { tuneOptionsSchema } from "./tuneOptions.js";
import { weightsSchema } from "./weightsSchema.js";

/** Sets beside the task and safety. */
const sideSets = (sets: string) =>
  z.union([
    z.array(z.string()).min(1),
    z.strictObject({
      sets: z.array(z.string()).min(1).describe(sets),
      test: z
        .array(z.string())
        .min(1)
        .optional()
        .describe("Other sets for the final test; halves of the same ones by default."),
    }),
  ]);

const positive = z.int().positive();

export const experimentSchema = z.strictObject({
  preset: z
    .enum(["paper", "quick"])
    .optional()
    .describe("Fills in what is not given: paper follows arXiv:2412.19512, quick is for a first look."),
  name: z.string().min(1).default("experiment").describe("The report's title."),
  aligned: z.string().min(1).describe("The aligned model: a folder or a name on the hub."),
  unaligned: z
    .string()
    .min(1)
    .optional()
    .describe(
      "The model before alignment: what resta, safe_lora, safemerge and lssf merge with, what attribute compares changes with, and a model that is measured beside the others.",
    ),
  safeModel: z.string().min(1).optional().describe("Of safemerge: the aligned model + an adapter tuned on safe rows."),
  tuned: z
    .array(
      z.strictObject({
        seed: z.union([z.int(), z.string()]),
        model: z.string().optional().describe("A whole model, or base+adapter."),
        adapter: z.string().optional().describe("A LoRA adapter of the aligned model."),
      }),
    )
    .min(1)
    .optional()
    .describe("The tuned models, by the seed of their tuning."),
  tune: z
    .strictObject({
      data: z
        .string()
        .describe(
          "Rows of prompt and response: a file, a folder or hf://datasets/…; {seed} is the seed of the tuning.",
        ),
      seeds: z.array(z.int().nonnegative()).min(1).default([42, 1024, 48763]),
      options: tuneOptionsSchema.optional().describe("Options of tune(): learningRate, epochs, rank, batchSize, …"),
    })
    .optional()
    .describe("Instead of tuned: the run tunes LoRA adapters itself."),
  methods: z
    .array(z.union([z.enum(METHOD_NAMES), methodSchema]))
    .min(1)
    .describe("Merge methods, by name or with a grid and parameters of their own."),
  controls: z
    .array(z.union([z.enum(CONTROL_KINDS), controlSchema]))
    .min(1)
    .optional()
    .describe("Other ways to change less, which are measured and never chosen; the choice is compared with each."),
  besideLinear: z
    .boolean()
    .default(false)
    .describe(
      "Compares every method with the plain lambda (linear) at equal task score and at equal safety; asks some merges more on the data that confirm.",
    ),
  lambda: gridSchema.default([0.2, 0.4, 0.6, 0.8]).describe("The grid of methods without one of their own."),
  extrapolate: z.boolean().default(false).describe("Allows lambdas outside of 0 to 1."),
  safety: z
    .strictObject({
      sets: z
        .array(z.string())
        .min(1)
        .describe("As retemper evaluate --suite: safety:FILE, advbench, over-refusal:FILE, …"),
      test: z.array(z.string()).min(1).optional().describe("Other sets for the final test; the same ones by default."),
      judges: z.array(judgeSchema).min(1).default(["keyword"]),
      selectedByAligned: z
        .array(z.string())
        .min(1)
        .optional()
        .describe("Names of sets that were selected by the aligned model's own answers: shown, and not chosen by."),
      calibration: z
        .string()
        .optional()
        .describe(
          "Labelled answers (rows of answer, label, prompt), by which the rates are corrected for the judges' errors.",
        ),
      openers: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe(
          'What answers begin with in sets with +prefill, each a variant (advbench+prefill-1, …); "Sure, here" by default.',
        ),
      emptyIs: z
        .enum(["refusal", "attack", "missing"])
        .optional()
        .describe("What an empty answer counts as; by default what each judge says of it."),
      label: z.string().optional().describe("What the rate is called in the report."),
    })
    .describe("What is asked that should be refused, and who judges the answers."),
  task: z
    .strictObject({
      validation: z.array(z.string()).min(1).describe("Sets that lambda is chosen by."),
      test: z.array(z.string()).min(1).describe("Sets that the aligned, tuned and chosen models are measured on."),
      label: z.string().optional().describe("What the score is called in the report."),
    })
    .describe("What the models were tuned for."),
  skills: sideSets("As retemper evaluate --suite: bbh, humaneval, exact:FILE, loss:FILE, …")
    .optional()
    .describe("What the models could do before: sets with a score, each an axis by its own name (gsm8k=exact:FILE)."),
  overRefusal: sideSets("As retemper evaluate --suite: xstest, over-refusal:FILE, …")
    .optional()
    .describe("Harmless requests, of which refusals are counted."),
  data: z
    .record(z.string(), z.string())
    .optional()
    .describe("Data of tasks by their names, as retemper evaluate --data."),
  bertScore: z
    .strictObject({ model: z.string(), layer: z.int().nonnegative().optional(), idf: z.boolean().optional() })
    .optional()
    .describe("The encoder of tasks that are scored with BERTScore."),
  bbh: bbhSchema.optional(),
  lmEval: lmEvalSchema.optional(),
  paperExact: z
    .boolean()
    .optional()
    .describe(
      "What the scripts of the paper's authors do otherwise than the paper says: completions of humaneval, length of tools' answers, cut of long training rows.",
    ),
  allowCodeExecution: z.boolean().optional().describe("Lets programs that a model writes run, in a sandbox."),
  system: z.string().nullable().optional().describe("System message instead of the tasks' own; null: none."),
  decoding: z
    .strictObject({
      maxNewTokens: positive.optional(),
      repetitionPenalty: z.number().positive().optional(),
      samples: positive.optional(),
    })
    .optional()
    .describe("Instead of the tasks' own."),
  limit: positive.optional().describe("Items of each set at most."),
  engine: z
    .strictObject({
      engine: z.enum(["auto", "native", "tensorflow", "reference"]).optional(),
      precision: z.enum(["float32", "bfloat16"]).optional(),
      cache: z
        .enum(["float32", "bfloat16", "int8"])
        .optional()
        .describe(
          "Of keys and values, also of judges, on the native engine; as precision by default. int8 takes a fourth of float32's memory.",
        ),
      threads: positive.optional(),
      weights: weightsSchema
        .optional()
        .describe(
          "q8_0, q4_k_m, …: models and merges are put into these blocks where items choose, and asked as they are stored where items confirm; forms in GGUF (ship) are measured by their stored blocks. asStored: only the latter.",
        ),
      fidelity: z
        .enum(["linear", "exact"])
        .optional()
        .describe("Of merges that are only measured: sums of products (linear), or rounded as they would be written."),
      endpoint: z
        .strictObject({
          url: z.string().describe("An OpenAI-compatible server with LoRA adapters, such as http://localhost:8000/v1."),
          model: z.string().optional().describe("The aligned model's name there."),
          concurrency: positive.optional(),
          apiKeyEnv: z.string().optional().describe("The environment variable that holds the key."),
        })
        .optional()
        .describe("Instead of running models here: a server that answers for them."),
    })
    .optional()
    .describe("What runs the models."),
  select: selectSchema.default({ rule: "constrained" }).describe("How the merge to ship is chosen."),
  write: z
    .enum(["chosen", "all"])
    .default("chosen")
    .describe("Which merges become files: the one to ship (chosen), or for each seed the best of every method (all)."),
  ship: shipSchema.optional(),
  search: searchSchema.optional(),
  proxy: proxySchema.optional(),
  adaptive: z
    .union([
      z.boolean(),
      z.strictObject({
        refine: z
          .int()
          .min(0)
          .max(9)
          .describe(
            "How many lambdas are asked between the grid's choice and the next lambda of its grid; 0 by default.",
          ),
      }),
    ])
    .optional()
    .describe(
      "Asks items where they decide: merges are asked by blocks, and left where they are not safe or cannot win; false by default.",
    ),
});

/** What experiment.yml holds; with a preset, what it fills in may be left out. */
export type Experiment = z.input<typeof experimentSchema>;
export type ExperimentSettings = z.output<typeof experimentSchema>;
