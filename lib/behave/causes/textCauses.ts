// Causes on the way from a prompt to token ids: tokenizer, beginning-of-text tokens, template, system text.

import type { Tokenizer } from "../../tokenizer/types.js";
import {
  aroundDifference,
  frameOf,
  isConversation,
  otherTokens,
  type ReadPrompt,
  sameIds,
} from "../text/compareText.js";
import type { Cause } from "../types.js";
import { type Findings, otherOf } from "./findings.js";

const LETTERS = ["a", "b"] as const;

export function textCauses(findings: Findings): Cause[] {
  const system = systemCause(findings);
  return [
    ...tokenizerCauses(findings),
    ...beginningCauses(findings),
    ...system,
    ...templateCauses(findings, system.length > 0),
  ];
}

function tokenizerCauses({ a, b, reads }: Findings): Cause[] {
  const texts = reads.a.flatMap(({ rendered }) => rendered ?? []);
  const other = otherTokens(a.tokenizer, b.tokenizer) ?? otherTokens(a.tokenizer, b.tokenizer, texts);
  if (other === undefined) return [];
  return [
    {
      name: "tokenizer",
      sure: "certain",
      summary: "The same text becomes other tokens.",
      evidence: [
        `${JSON.stringify(other.text)} is ${other.a.length} tokens in A and ${other.b.length} in B`,
        `A: ${other.a.slice(0, 12).join(" | ")}`,
        `B: ${other.b.slice(0, 12).join(" | ")}`,
        `vocabularies: ${a.tokenizer.vocabularySize} and ${b.tokenizer.vocabularySize} tokens`,
      ],
      remedy: "Copy tokenizer.json, tokenizer_config.json and special_tokens_map.json from A to B.",
      numeric: false,
    },
  ];
}

/** A token that stands twice at the beginning, or at the beginning of one of the two only. */
function beginningCauses(findings: Findings): Cause[] {
  const frames = { a: frameOf(findings.a.tokenizer), b: frameOf(findings.b.tokenizer) };
  const firsts = { a: firstRead(findings.reads.a), b: firstRead(findings.reads.b) };
  for (const letter of LETTERS) {
    const other = otherOf(letter);
    const { tokenizer } = findings[letter];
    const [first, second] = firsts[letter]?.ids ?? [];
    const [otherFirst, otherSecond] = firsts[other]?.ids ?? [];
    const twice = first !== undefined && first === second && tokenizer.specialIds.has(first);
    const otherTwice = otherFirst !== undefined && otherFirst === otherSecond;
    const upper = letter.toUpperCase();
    if (twice && !otherTwice) {
      const evidence = [`conversations begin with ${named([first, second as number], tokenizer)} in ${upper}`];
      return [doubled(upper, "certain", evidence)];
    }
    const adds = frames[letter].before[0];
    const otherAdds = frames[other].before[0];
    if (adds !== undefined && adds === first && !(otherAdds !== undefined && otherAdds === otherFirst)) {
      const evidence = [
        `the template of ${upper} begins with ${named([adds], tokenizer)}, and its tokenizer adds the same to every text`,
        "tools that render the template to a text and encode that with special tokens begin with two of them",
      ];
      return [doubled(upper, "likely", evidence)];
    }
  }
  const evidence: string[] = [];
  if (!sameIds(frames.a.before, frames.b.before)) {
    evidence.push(
      `before every text A adds ${named(frames.a.before, findings.a.tokenizer)}, B adds ${named(frames.b.before, findings.b.tokenizer)}`,
    );
  }
  if (!sameIds(frames.a.after, frames.b.after)) {
    evidence.push(
      `after every text A adds ${named(frames.a.after, findings.a.tokenizer)}, B adds ${named(frames.b.after, findings.b.tokenizer)}`,
    );
  }
  const leading = leadingToken(findings);
  if (leading !== undefined) evidence.push(leading);
  if (evidence.length === 0) return [];
  return [
    {
      name: "bos",
      sure: "certain",
      summary: "The beginning-of-text token differs: one adds it, or another one.",
      evidence,
      remedy:
        "Make add_bos_token, bos_token and the post_processor of tokenizer.json (and the template's first line) those of A.",
      numeric: false,
    },
  ];
}

function doubled(letter: string, sure: Cause["sure"], evidence: readonly string[]): Cause {
  return {
    name: "doubled-bos",
    sure,
    summary: `The beginning-of-text token is doubled in ${letter}.`,
    evidence,
    remedy: `Add it in one place only: in ${letter}'s template, or by its tokenizer (add_bos_token).`,
    numeric: false,
  };
}

/** Of conversations whose renderings are equal but for a special token at the beginning. */
function leadingToken({ a, b, reads }: Findings): string | undefined {
  for (const [at, { rendered: one, ids }] of reads.a.entries()) {
    const { rendered: other, ids: others } = reads.b[at] as ReadPrompt;
    if (one === undefined || other === undefined || one === other) continue;
    const [longer, shorter, tokenizer, letter] =
      one.length > other.length ? [ids, others, a.tokenizer, "A"] : [others, ids, b.tokenizer, "B"];
    if (longer[0] === undefined || !tokenizer.specialIds.has(longer[0])) continue;
    if (sameIds(longer.slice(1), shorter)) {
      return `the template of ${letter} begins with ${named([longer[0]], tokenizer)}, the other one does not`;
    }
  }
  return undefined;
}

function firstRead(reads: readonly ReadPrompt[]): ReadPrompt | undefined {
  return reads.find(({ rendered }) => rendered !== undefined);
}

function named(ids: readonly number[], tokenizer: Tokenizer): string {
  return ids.length === 0 ? "nothing" : ids.map((id) => `${tokenizer.decode([id])} (${id})`).join(" ");
}

function systemCause(findings: Findings): Cause[] {
  for (const letter of ["b", "a"] as const) {
    const other = otherOf(letter);
    const lost = findings.prompts.flatMap((_, at) => (systemLost(findings, letter, at) ? [at] : []));
    const example = lost.find(
      (at) => !systemLost(findings, other, at) && findings.reads[other][at]?.rendered !== undefined,
    );
    if (example === undefined) continue;
    const { refused, rendered } = findings.reads[letter][example] as ReadPrompt;
    const upper = letter.toUpperCase();
    const of = findings.prompts[example]?.id ?? example;
    return [
      {
        name: "system-text-dropped",
        sure: "certain",
        summary: `The system message does not reach the model in ${upper}.`,
        evidence: [
          refused === undefined
            ? `prompt ${of}: ${upper} renders ${JSON.stringify(rendered?.slice(0, 120))}, without the system text`
            : `prompt ${of}: the template of ${upper} refuses a system message: ${refused}`,
          `${other.toUpperCase()} renders it`,
        ],
        remedy: `Give ${upper} the chat template of ${other.toUpperCase()}, or put the system text into the first user message in both.`,
        numeric: false,
      },
    ];
  }
  return [];
}

/** Whether a conversation's system text is not in what the template makes of it. */
function systemLost({ prompts, reads }: Findings, letter: "a" | "b", at: number): boolean {
  const prompt = prompts[at]?.prompt;
  if (prompt === undefined || !isConversation(prompt)) return false;
  const system = prompt.filter(({ role }) => role === "system");
  if (system.length === 0) return false;
  const { rendered, refused } = reads[letter][at] as ReadPrompt;
  if (refused !== undefined) return reads[letter].some((read) => read.rendered !== undefined);
  return rendered !== undefined && system.some(({ content }) => !rendered.includes(content.trim()));
}

function templateCauses(findings: Findings, systemNamed: boolean): Cause[] {
  const { a, b, prompts, reads } = findings;
  const remedy =
    "Copy A's chat template to B (chat_template.jinja, or chat_template in tokenizer_config.json; in a Modelfile: TEMPLATE).";
  const cause = (summary: string, evidence: readonly string[]): Cause[] => {
    return [{ name: "chat-template", sure: "certain", summary, evidence, remedy, numeric: false }];
  };
  if (a.tokenizer.hasChatTemplate !== b.tokenizer.hasChatTemplate) {
    const which = a.tokenizer.hasChatTemplate ? ["A", "B"] : ["B", "A"];
    return cause(`${which[0]} has a chat template and ${which[1]} has none.`, [
      `${(a.template ?? b.template)?.file} has one`,
    ]);
  }
  if (leadingToken(findings) !== undefined && !systemNamed) {
    // All that differs is the token at the beginning, which has a cause of its own.
    if (differing(findings, true).length === 0) return [];
  }
  const others = differing(findings, leadingToken(findings) !== undefined).filter((at) => {
    const prompt = prompts[at]?.prompt;
    const hasSystem = prompt !== undefined && isConversation(prompt) && prompt.some(({ role }) => role === "system");
    return !(systemNamed && hasSystem);
  });
  const [first] = others;
  if (first === undefined) return [];
  const [one, other] = [reads.a[first] as ReadPrompt, reads.b[first] as ReadPrompt];
  const of = prompts[first]?.id ?? first;
  if (one.rendered === undefined || other.rendered === undefined) {
    return cause("One chat template refuses conversations that the other takes.", [
      `prompt ${of}: ${one.refused ?? other.refused}`,
    ]);
  }
  const shown = aroundDifference(one.rendered, other.rendered);
  return cause("The chat templates make other prompts of the same conversation.", [
    `${others.length} of ${reads.a.filter(({ rendered }) => rendered !== undefined).length} conversations become other texts`,
    `prompt ${of}: A has ${JSON.stringify(shown.a)}`,
    `prompt ${of}: B has ${JSON.stringify(shown.b)}`,
    `templates: ${a.template?.file} and ${b.template?.file}`,
  ]);
}

/** Conversations that become other texts; without those that differ by a first token only. */
function differing({ reads }: Findings, withoutFirst: boolean): number[] {
  return reads.a.flatMap((one, at) => {
    const other = reads.b[at] as ReadPrompt;
    if (one.rendered === other.rendered && (one.refused === undefined) === (other.refused === undefined)) return [];
    const [x, y] = [one.ids, other.ids];
    const firstOnly = sameIds(x.slice(1), y) || sameIds(x, y.slice(1)) || sameIds(x.slice(1), y.slice(1));
    return withoutFirst && firstOnly ? [] : [at];
  });
}
