// README.md of what is pushed: the hub shows it, and refuses a commit whose front matter it cannot read.

import { frontMatter } from "../checkpoint/frontMatter.js";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { readDocument } from "../recipe/document.js";
import type { PushedKind } from "./contents.js";

/**
 * What is amiss with a card and does not hinder.
 * @param file undefined where there is none
 * @throws RetemperError BAD_INPUT for front matter that is no YAML
 */
export async function checkCard(file: string | undefined, what: PushedKind): Promise<string[]> {
  if (what === "report") return [];
  if (file === undefined) return ["there is no README.md: the hub shows no card"];
  const text = await readTextAtMost(file, { most: 2 ** 22, what: "a model card" });
  const front = frontMatter(text);
  if (front === undefined) return ["README.md has no front matter: the hub does not know license and base model"];
  let value: unknown;
  try {
    value = readDocument(front).value;
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", `the front matter of the card is no YAML: ${(cause as Error).message}`, {
      file,
      hint: "the hub refuses it: correct what stands between the two lines ---",
      cause,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RetemperError("BAD_INPUT", "the front matter of the card is no list of keys and values", { file });
  }
  return "license" in value ? [] : ["the card (README.md) names no license"];
}

/** The card of a report that is pushed by itself: the report in Markdown, where there is one. */
export function reportCard(markdown: string | undefined, page: string): string {
  const text =
    markdown ?? `# Report\n\nThe report is \`${page}\`: one file that loads nothing. Download it to read it.\n`;
  return `---\ntags: [retemper, model-merging, evaluation]\n---\n${text}`;
}
