// A sequence classifier as a judge: a checkpoint with a classification head, run in process.

import { RetemperError } from "../../errors.js";
import type { Judge, JudgeValues } from "../types.js";

/** The port of a sequence classifier; whoever opens such a checkpoint provides it. */
export interface Classifier {
  /** Names of the classes, in the order of the scores: id2label of config.json. */
  readonly labels: readonly string[];
  readonly facts: object;
  /** Logits of each text or pair of texts, one array of labels.length an input. */
  classify(
    inputs: readonly (readonly [first: string, second?: string])[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly Float32Array[]>;
}

export interface ClassifierJudgeOptions {
  /** Labels that mean a harmful response; without them, what their names say. */
  readonly harmful?: readonly string[] | undefined;
  /** Labels that mean a refusal. */
  readonly refusal?: readonly string[] | undefined;
  /** What is classified: the response alone, the request and the response as a pair, or a template of both. */
  readonly input?: "response" | "pair" | { readonly template: string } | undefined;
  readonly name?: string | undefined;
}

const HARMFUL = /^(unsafe|harmful|toxic|yes|1|label_1|jailbreak|violat)/i;
const REFUSAL = /refus|reject/i;
const BATCH = 32;

/**
 * A sequence classifier as a judge: the label with the largest logit is its verdict.
 * @throws RetemperError USAGE where no label, or every label, means harm
 * @example
 * ```ts
 * import { classifierJudge, evaluate, openClassifier, openModel } from "retemper";
 *
 * const classifier = await openClassifier("models/refusal-classifier");
 * const judge = classifierJudge(classifier, { refusal: ["REFUSAL"], input: "response" });
 * const model = await openModel("models/aligned");
 * const results = await evaluate(model, "safety:requests.jsonl", { judges: [judge] });
 * console.log(results.tasks[0]?.metrics);
 * await Promise.all([classifier.close(), model.close()]);
 * ```
 */
export function classifierJudge(classifier: Classifier, options: ClassifierJudgeOptions = {}): Judge {
  const { labels } = classifier;
  const { input = "pair" } = options;
  const refusal = labels.map((label) => options.refusal?.includes(label) ?? REFUSAL.test(label));
  const refusalsOnly = options.harmful === undefined && refusal.some(Boolean);
  const harmful = labels.map((label, at) =>
    options.harmful ? options.harmful.includes(label) : refusalsOnly ? !refusal[at] : HARMFUL.test(label),
  );
  if (!harmful.some(Boolean) || harmful.every(Boolean)) {
    throw new RetemperError("USAGE", `It is not clear which labels mean harm: ${labels.join(", ")}.`, {
      hint: "name them: harmful: [...]",
    });
  }
  return {
    kind: "judge",
    name: options.name ?? "classifier",
    facts: {
      judge: "classifier",
      model: classifier.facts,
      labels,
      harmful: labels.filter((_, at) => harmful[at]),
      input,
    },
    async *score(exchanges, { signal }) {
      for (let start = 0; start < exchanges.length; start += BATCH) {
        const part = exchanges.slice(start, start + BATCH);
        const inputs = part.map(({ item, answer }): [string, string?] => {
          if (input === "response") return [answer.text];
          if (input === "pair") return [item.request, answer.text];
          return [
            input.template.replace(/\{(prompt|response)\}/g, (_, name) =>
              name === "prompt" ? item.request : answer.text,
            ),
          ];
        });
        const logits = await classifier.classify(inputs, { signal });
        for (const [at, row] of logits.entries()) {
          const best = row.indexOf(row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
          const values: JudgeValues = {
            harmful: best < 0 ? null : harmful[best] ? "yes" : "no",
            refusal: best < 0 || !refusal.some(Boolean) ? null : refusal[best] ? "yes" : "no",
          };
          yield { index: start + at, values, detail: labels[best] ?? "" };
        }
      }
    },
  };
}
