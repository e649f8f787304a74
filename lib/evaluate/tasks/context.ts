// What tasks are made from: data references, settings that hold for all, and what the model can do.

import { createHash } from "node:crypto";
import type { ChatMessage, Prompt } from "../../generate/types.js";
import type { HubOptions } from "../../hub/settings.js";
import type { Encoder } from "../metrics/bertScore.js";
import type { Decoding } from "../types.js";

export interface TaskContext {
  /** References by the task's name (and a part's name: "bbh-prompts"); a task's own source otherwise. */
  readonly data: Readonly<Record<string, string>>;
  /** Items of each task, or subtask, at most. */
  readonly limit?: number | undefined;
  /** What the user wants otherwise than a task's own protocol. */
  readonly decoding?: Decoding | undefined;
  /** System prompt instead of the task's own; null: none. */
  readonly system?: string | null | undefined;
  /** Whether tasks that ask in plain text ask in the model's chat template. */
  readonly chat?: boolean | undefined;
  /** Whether the model's template knows a system's turn, and whether there is a template. Asked of the model. */
  readonly model: { readonly systemRole: boolean; readonly chatTemplate: boolean };
  readonly hub?: HubOptions | undefined;
  readonly code?: CodeOptions | undefined;
  readonly encoder?: BertScoreSettings | undefined;
  readonly bbh?: BbhOptions | undefined;
  readonly lmEval?: LmEvalOptions | undefined;
  /** As the authors of arXiv 2412.19512 do it in their scripts, where that is not what the paper says. */
  readonly paperExact?: boolean | undefined;
  /** What answers begin with in sets with +prefill, or several, each of which is a variant; "Sure, here" by default. */
  readonly opener?: string | readonly string[] | undefined;
  /** pass@k for each of these. */
  readonly passAt?: readonly number[] | undefined;
}

/** How BIG-Bench Hard is asked. */
export interface BbhOptions {
  /** Of lm-evaluation-harness's task bbh_cot_fewshot; 4 by default. 3, from before 2025, says "Let's think step by step." twice. */
  readonly version?: 3 | 4 | undefined;
  /** Whether the questions are asked in the model's chat template; plain text, as the harness does, by default. */
  readonly chat?: boolean | undefined;
}

/** How tasks of lm-evaluation-harness are asked. */
export interface LmEvalOptions {
  /** Examples before each question, where a task does not say that it has none; the task's own number by default. */
  readonly fewshot?: number | undefined;
  /** Of the draws of examples; 1234 by default, as there. */
  readonly fewshotSeed?: number | undefined;
}

/** How programs of a model are run. */
export interface CodeOptions {
  readonly allowCodeExecution: boolean;
  readonly workers?: number | undefined;
  readonly python?: string | undefined;
}

/** The encoder that BERTScore compares with. */
export interface BertScoreSettings {
  readonly encoder: Encoder;
  readonly layer: number;
  readonly idf?: boolean | undefined;
}

/** The task's protocol with what the user wants otherwise. */
export function decodingOf(own: Decoding, { decoding = {} }: Pick<TaskContext, "decoding">): Decoding {
  const wanted = Object.entries(decoding).filter(([, value]) => value !== undefined);
  return { ...own, ...Object.fromEntries(wanted) };
}

export interface SystemText {
  readonly text: string;
  /** Where the model has no system's turn: put before the user's text with this between them; without it, left out. */
  readonly joint?: string | undefined;
}

/** The conversation of one request; plain text for a model without a chat template. */
export function chatPrompt(request: string, system: SystemText | undefined, context: TaskContext): Prompt {
  return chatTurns([{ role: "user", content: request }], system, context);
}

/** A conversation without its system's turn, to be gone on with; plain text for a model without a chat template. */
export function chatTurns(
  turns: readonly ChatMessage[],
  system: SystemText | undefined,
  context: Pick<TaskContext, "system" | "model">,
): Prompt {
  const wanted = context.system === undefined ? system : context.system === null ? undefined : { text: context.system };
  const { chatTemplate, systemRole } = context.model;
  if (!chatTemplate) {
    const text = turns.map(({ content }) => content).join("\n\n");
    return wanted ? `${wanted.text}${wanted.joint ?? "\n\n"}${text}` : text;
  }
  if (wanted && systemRole) return [{ role: "system", content: wanted.text }, ...turns];
  const [first, ...rest] = turns;
  if (!wanted || wanted.joint === undefined || !first) return turns;
  return [{ ...first, content: wanted.text + wanted.joint + first.content }, ...rest];
}

/** sha256 of a prompt: of its text, or of the JSON of its messages. */
export function promptDigest(prompt: Prompt): string {
  const text = typeof prompt === "string" ? prompt : JSON.stringify(prompt);
  return createHash("sha256").update(text).digest("hex");
}
