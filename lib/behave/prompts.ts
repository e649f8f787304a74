// What is asked where the caller has no prompts: harmless, and chosen so that each part of a prompt's way shows: system text,
// several turns, texts without a template, digits, code, spaces, other scripts.

import type { NamedPrompt } from "../generate/answers/answerLine.js";

const user = (content: string) => ({ role: "user", content });
const system = (content: string) => ({ role: "system", content });
const assistant = (content: string) => ({ role: "assistant", content });

/** Conversations first; the texts are continued as they are. */
export const BUILT_IN_PROMPTS: readonly NamedPrompt[] = [
  { id: "greeting", prompt: [user("Good morning! How are you?")] },
  { id: "fact", prompt: [user("What is the capital of France?")] },
  { id: "explain", prompt: [user("Explain in two sentences why the sky is blue.")] },
  { id: "sum", prompt: [user("What is 17 + 25? Answer with the number only.")] },
  { id: "list", prompt: [user("Name three animals that can swim, one on each line.")] },
  { id: "code", prompt: [user("Write a Python function that returns the larger of two numbers.")] },
  { id: "german", prompt: [user("Wie heißt der höchste Berg der Alpen?")] },
  { id: "system", prompt: [system("You are a gardener. Answer in one short sentence."), user("What do you do?")] },
  { id: "system-language", prompt: [system("Always answer in French."), user("Where is the library?")] },
  {
    id: "turns",
    prompt: [user("My name is Ada."), assistant("Nice to meet you, Ada."), user("What is my name?")],
  },
  {
    id: "system-turns",
    prompt: [
      system("Answer with one word."),
      user("Which colour has grass?"),
      assistant("Green."),
      user("And the sea?"),
    ],
  },
  { id: "text", prompt: "The first thing that I do in the morning is" },
  { id: "text-code", prompt: "def add(a, b):\n    return" },
];

/** Texts that are only encoded: what tokenizers treat differently. */
export const TOKENIZER_PROBES: readonly string[] = [
  "Hello, world!",
  " leading and trailing ",
  "two  spaces\tand a tab\n\nand lines\r\n",
  "3.14159 1234567890 0x1F 10,000",
  "don't we'll I'M",
  "naïve café Straße Łódź",
  "日本語のテキスト 한국어 हिन्दी",
  "🙂👩‍👩‍👧 é e\u0301",
  "for (let i = 0; i < n; i++) { x[i] += 1; }",
  "<|im_start|>user\n<s>[INST] <start_of_turn> <|eot_id|>",
];
