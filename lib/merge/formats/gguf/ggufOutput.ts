// A prepared merge as one that writes a GGUF file: its plan, with the words of the file in its header.

import { type JsonObject, parseObject } from "../../../checkpoint/json.js";
import { madeText } from "../../../checkpoint/madeTexts.js";
import { sidecars } from "../../../checkpoint/sidecars.js";
import { RetemperError } from "../../../errors.js";
import { readTextAtMost } from "../../../files/readAtMost.js";
import type { BuiltPlan } from "../../../plan/build.js";
import type { GgufEntry } from "../../../plan/gguf/container.js";
import { ggufPlan } from "../../../plan/gguf/ggufPlan.js";
import type { GgufQuantisation } from "../../../plan/gguf/quantise.js";
import type { OpenModels } from "../../models.js";
import type { OutputVocabulary } from "../../vocabulary.js";
import { differences } from "./differences.js";
import { ggufModel } from "./ggufModel.js";
import { ggufMetadata, headSizeOf } from "./metadata.js";
import { type ChatTemplate, tokenizerEntries } from "./tokenizerEntries.js";

/** Larger than any tokenizer.json that is known. */
const LIMIT = 256 << 20;

/** What the header of a GGUF file needs of the files beside the tensors. */
export interface GgufWords {
  readonly file: string;
  /** Absent where the model has no tokenizer. */
  readonly tokenizer?: JsonObject;
  readonly settings: JsonObject;
  readonly generation: JsonObject;
  readonly chatTemplate: ChatTemplate | undefined;
  /** Of the tokenizer, by rows of the embedding: the same for all points of a sweep. */
  readonly entries: Map<number, GgufEntry[]>;
}

/** Reads the files of the output's tokenizer, and the settings of generation. */
export async function ggufWords({ files }: OutputVocabulary, { leader }: OpenModels): Promise<GgufWords> {
  const read = async (name: string): Promise<string | undefined> => {
    const content = files.find((file) => file.name === name)?.content;
    if (content === undefined || typeof content === "string") return content;
    return madeText(content.copyFrom) ?? readTextAtMost(content.copyFrom, { most: LIMIT, what: name });
  };
  const object = async (name: string): Promise<JsonObject | undefined> => {
    const text = await read(name);
    return text === undefined ? undefined : parseObject(name, text);
  };
  const settings = (await object("tokenizer_config.json")) ?? {};
  const tokenizer = await object("tokenizer.json");
  const generation = (await sidecars(leader.folder)).find(({ kind }) => kind === "generation");
  const chatFile = await object("chat_template.json");
  return {
    file: "tokenizer.json",
    ...(tokenizer && { tokenizer }),
    settings,
    generation: generation
      ? parseObject(
          generation.path,
          madeText(generation.path) ?? (await readTextAtMost(generation.path, { most: LIMIT, what: generation.name })),
        )
      : {},
    chatTemplate:
      templateOf(settings.chat_template) ?? (await read("chat_template.jinja")) ?? templateOf(chatFile?.chat_template),
    entries: new Map(),
  };
}

/** @throws RetemperError INCOMPATIBLE for a model, a tokenizer or a tensor that GGUF files do not have. */
export function ggufOutput(
  built: BuiltPlan,
  { leader }: OpenModels,
  words: GgufWords,
  name: string,
  quantise: GgufQuantisation | undefined,
): BuiltPlan {
  const { config, family, heads, layers } = ggufModel(built, leader, "write safetensors");
  const warnings = differences(family, config, headSizeOf(config));
  return ggufPlan(
    { ...built, warnings: [...built.warnings, ...warnings] },
    {
      family,
      heads,
      layers,
      quantise,
      describe: (facts) => {
        const { entries, vectors } = ggufMetadata({ family, name, config, generation: words.generation }, facts);
        return { entries: [...entries, ...tokenizerOf(words, config, facts.vocabulary)], vectors };
      },
    },
  );
}

function tokenizerOf(words: GgufWords, config: JsonObject, vocabulary: number): readonly GgufEntry[] {
  const { tokenizer, settings, chatTemplate, file, entries } = words;
  if (!tokenizer) {
    throw new RetemperError("INCOMPATIBLE", "a GGUF file holds its tokenizer, and the model has no tokenizer.json", {
      hint: "put tokenizer.json beside the model; transformers writes it with AutoTokenizer.from_pretrained(...).save_pretrained(...)",
    });
  }
  const known = entries.get(vocabulary);
  if (known) return known;
  const made = tokenizerEntries({ tokenizer, settings, config, chatTemplate, file, vocabulary });
  entries.set(vocabulary, made);
  return made;
}

function templateOf(template: unknown): ChatTemplate | undefined {
  if (typeof template === "string") return template;
  if (!Array.isArray(template)) return undefined;
  return template.filter((one) => typeof one?.name === "string" && typeof one.template === "string") as ChatTemplate;
}
