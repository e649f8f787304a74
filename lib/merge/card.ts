// The README.md of an output: front matter for the hub, and for people what was merged and how.
// Names and recipes come from others, so nothing in them may break out of its place.

import { stringify } from "yaml";
import type { CardModel, Licence } from "./cardModels.js";

export interface CardFacts {
  /** Name of the output folder. */
  readonly name: string;
  readonly method: string;
  /** As the recipe writes them but by their names, the base first. */
  readonly models: readonly string[];
  /** Models and adapters one by one, as the hub counts them, with what is known of them. */
  readonly sources: readonly CardModel[];
  readonly baseModel: string | undefined;
  /** The recipe's text, with names in place of paths. */
  readonly recipe: string;
  readonly version: string;
  readonly seed?: number | undefined;
  /** What the hub shows it under, such as "text-generation". */
  readonly pipeline?: string | undefined;
  /** What loads the output; default transformers. */
  readonly library?: "transformers" | "peft";
  /** Of an adapter that approximates: the share of the change's squared norm that it keeps. */
  readonly kept?: number | undefined;
}

export const CARD_FILE = "README.md";

/** The heading that follows what `withSections` puts in. */
const MODELS = "## Models";
/** The heading with which all sections begin that `withSections` puts in. */
const RESULTS = "## Results";

/** The text of README.md. */
export function modelCard(facts: CardFacts): string {
  const { name, method, models, sources, baseModel, recipe, version, seed = 0, pipeline, library, kept } = facts;
  const adapter = library === "peft";
  const bases = [...new Set(sources.flatMap(({ id, bases: own }) => id ?? own))];
  const licence = commonLicence(sources);
  const frontMatter = stringify(
    {
      ...(bases.length > 0 && { base_model: bases, ...(!adapter && { base_model_relation: "merge" }) }),
      library_name: library ?? "transformers",
      ...(licence && { license: licence.id }),
      ...(licence?.name !== undefined && { license_name: licence.name }),
      ...(licence?.link !== undefined && { license_link: licence.link }),
      ...(pipeline !== undefined && { pipeline_tag: pipeline }),
      tags: ["merge", "retemper"],
    },
    // Quoted and on one line each, so that no name can hold a line that ends the front matter.
    { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 },
  );
  const base = baseModel === undefined ? "" : ` with ${markdownText(baseModel)} as the base`;
  return [
    "---",
    frontMatter.trimEnd(),
    "---",
    `# ${markdownText(name)}`,
    "",
    `${adapter ? "An adapter that stands for a merge" : "A merge"} of pre-trained language models, made with Retemper ${markdownText(version)} by the method ${markdownText(method)}${base}.`,
    ...(kept === undefined || kept === 1
      ? []
      : ["", `It is an approximation: ${(100 * kept).toFixed(2)} % of the squared norm of the change is kept.`]),
    "",
    MODELS,
    "",
    ...models.map((model) => `* ${markdownText(model)}`),
    "",
    "## Licence",
    "",
    ...sources.map(
      ({ name: of, licence: own }) => `* ${markdownText(of)}: ${own ? licenceText(own) : "its card states none"}`,
    ),
    "",
    `${licence ? "" : "The licence of this merge is for its publisher to state. "}What the cards of the models state is repeated here; Retemper does not decide which licence a merge may have. Check it before this is published.`,
    "",
    "## Recipe",
    "",
    codeBlock(recipe, "yaml"),
    "",
    "Models that are not on the hub are named by their folders.",
    "",
    "## How to repeat it",
    "",
    `The same recipe on the same models writes the same weights with Retemper ${markdownText(version)}, seed ${seed}. \`mergekit_config.yml\` is the recipe as it was run, \`retemper.json\` has the options that count, the inputs and the sha256 of each file here, and \`retemper verify FOLDER\` compares the files with it.`,
    "",
  ].join("\n");
}

/**
 * A card with sections of someone who measured the output, in place of those of before; they come before the models.
 * @param sections Markdown that begins with the heading "## Results"
 */
export function withSections(card: string, sections: string): string {
  const models = card.indexOf(`\n${MODELS}\n`);
  if (models < 0) return `${card.trimEnd()}\n\n${sections.trimEnd()}\n`; // not as it was written: nothing of it is lost
  const before = card.indexOf(`\n${RESULTS}\n`);
  const head = card.slice(0, before >= 0 && before < models ? before : models);
  return `${head}\n${sections.trimEnd()}\n${card.slice(models)}`;
}

/** Where all that state one state the same; a model of the hub that states none leaves it open. */
function commonLicence(sources: readonly CardModel[]): Licence | undefined {
  const stated = sources.flatMap(({ licence }) => licence ?? []);
  const open = sources.some(({ id, licence }) => id !== undefined && !licence);
  return !open && new Set(stated.map((one) => JSON.stringify(one))).size === 1 ? stated[0] : undefined;
}

function licenceText({ id, name, link }: Licence): string {
  return [id, name, link].flatMap((part) => (part === undefined ? [] : markdownText(part))).join(", ");
}

/** `text` as it stands, on one line, with every character escaped that Markdown or HTML would act on. */
export function markdownText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]()#+!|~$]/g, "\\$&");
}

/** A fence longer than every run of backticks inside keeps the text inside. */
function codeBlock(text: string, language: string): string {
  let longest = 2;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\r\n?/g, "\n").trimEnd()}\n${fence}`;
}
