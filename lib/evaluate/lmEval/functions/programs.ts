// MBPP and HumanEval: how an answer becomes a program with its tests, which runs in the sandbox.

import type { BuiltIn, Document } from "./types.js";

const MBPP_UTILS = "eecfcc264a63801d4ac478fac80b0f18c3faf16a107baf641a4fd498e81de7df";
const HUMANEVAL_UTILS = "5f77adbf75b4342a6113fea30168ea57b4e5c3877ffd3b4942cb338b3edb2c95";

/**
 * The one function of the set's own solution that the tests call; undefined where they use more of it, such as a class, so that
 * the tests cannot stand apart from the program.
 */
function testedFunction(tests: string, { code }: Document): string | undefined {
  const defined = [...String(code ?? "").matchAll(/^(def|class)[ \t]+(\w+)/gm)];
  const used = defined.filter(([, , name]) => new RegExp(`\\b${name}\\b`).test(tests));
  const [only] = used;
  return used.length === 1 && only?.[1] === "def" ? only[2] : undefined;
}

/** The first block between fences of an answer that began with one. */
function codeBlock(answer: string): string {
  const block = /```(?:[\p{L}\p{N}_]+)?\n?([\s\S]*?)\n?```/u;
  const text = `\`\`\`${answer}`;
  return (block.exec(text) ?? block.exec(text.replaceAll("```python", "```")))?.[1] ?? "";
}

export const MBPP: Readonly<Record<string, BuiltIn>> = {
  "mbpp/utils.pass_at_1": {
    sha256: MBPP_UTILS,
    metric: {
      names: () => [{ name: "pass_at_1", k: 1 }],
      program: (answer, tests, document) => {
        const entryPoint = testedFunction(tests, document);
        return entryPoint === undefined
          ? { source: `${answer}\n${tests}` }
          : { source: answer, check: { tests, entryPoint } };
      },
    },
  },
  "mbpp/utils.build_predictions": {
    sha256: MBPP_UTILS,
    filter: (answers) => answers.map(codeBlock),
  },
};

export const HUMANEVAL: Readonly<Record<string, BuiltIn>> = {
  "humaneval/utils.pass_at_k": {
    sha256: HUMANEVAL_UTILS,
    metric: {
      names: ({ k }) => (Array.isArray(k) ? k : [k]).map((one) => ({ name: `pass@${one}`, k: Number(one) })),
      program: (answer, tests, { prompt, entry_point }) => ({
        source: answer,
        check: { setup: String(prompt), tests, entryPoint: String(entry_point) },
      }),
    },
  },
  "humaneval/utils.build_predictions": {
    sha256: HUMANEVAL_UTILS,
    filter: (answers, { prompt }) => answers.map((answer) => `${prompt}${answer}`),
  },
  "humaneval/utils.build_predictions_instruct": {
    sha256: HUMANEVAL_UTILS,
    filter: (answers, { prompt }) => answers.map((answer) => `${prompt}${answer.split("```", 1)[0]}`),
  },
};
