// The README.md of an output: front matter for the hub, and for people what was merged and how.
// Names and recipes come from others, so nothing in them may break out of its place.

import { stringify } from "yaml";

export interface CardFacts {
  /** Name of the output folder. */
  readonly name: string;
  readonly method: string;
  /** As the recipe writes them, the base first. */
  readonly models: readonly string[];
  /** Models and adapters one by one, as the hub counts them. */
  readonly repositories: readonly string[];
  readonly baseModel: string | undefined;
  /** The recipe's text. */
  readonly recipe: string;
  readonly version: string;
  /** What loads the output; default transformers. */
  readonly library?: "transformers" | "peft";
}

/** The text of README.md. */
export function modelCard(facts: CardFacts): string {
  const { name, method, models, repositories, baseModel, recipe, version, library = "transformers" } = facts;
  const frontMatter = stringify(
    { base_model: repositories, library_name: library, tags: ["merge", "retemper"] },
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
    `${library === "peft" ? "An adapter that stands for a merge" : "A merge"} of pre-trained language models, made with Retemper ${markdownText(version)} by the method ${markdownText(method)}${base}.`,
    "",
    "## Models",
    "",
    ...models.map((model) => `* ${markdownText(model)}`),
    "",
    "## Recipe",
    "",
    codeBlock(recipe, "yaml"),
    "",
  ].join("\n");
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
