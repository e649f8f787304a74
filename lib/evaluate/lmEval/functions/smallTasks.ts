// WinoGrande, COPA and TruthfulQA: which texts are compared, and what the probabilities of TruthfulQA's second form say.

import { strip } from "../../metrics/pythonText.js";
import type { BuiltIn, Document } from "./types.js";

const PREPROCESS_WINOGRANDE = "e55327629264a98f1d383fda24645b6779afb53fa0bce2150042b9416b1ae006";

/** The sentence at its gap: what stands before it, and what comes behind. */
function aroundGap({ sentence }: Document): readonly [before: string, after: string] {
  const text = String(sentence);
  const gap = text.indexOf("_");
  if (gap < 0) throw new RangeError("a sentence has no _");
  return [text.slice(0, gap), text.slice(gap + 1)];
}

export const WINOGRANDE: Readonly<Record<string, BuiltIn>> = {
  "winogrande/preprocess_winogrande.doc_to_text": {
    sha256: PREPROCESS_WINOGRANDE,
    field: ({ answer }) => ["1", "2"].indexOf(String(answer)),
  },
  "winogrande/preprocess_winogrande.doc_to_target": {
    sha256: PREPROCESS_WINOGRANDE,
    field: (document) => strip(aroundGap(document)[1]),
  },
  "winogrande/preprocess_winogrande.doc_to_choice": {
    sha256: PREPROCESS_WINOGRANDE,
    field: (document) => [document.option1, document.option2].map((option) => aroundGap(document)[0] + option),
  },
};

const COPA_UTILS = "0be98a907db647a518c42c916a61385b64f394cf9d0171b5cb86b7a036282de7";
const CONNECTORS: Readonly<Record<string, string>> = { cause: "because", effect: "therefore" };

/** " " and the choice, which goes on in small letters. */
function goingOn(choice: unknown): string {
  const [first = "", ...rest] = String(choice);
  return ` ${first.toLowerCase()}${rest.join("")}`;
}

export const COPA: Readonly<Record<string, BuiltIn>> = {
  "copa/utils.doc_to_text": {
    sha256: COPA_UTILS,
    field: ({ premise, question }) =>
      `${[...strip(String(premise))].slice(0, -1).join("")} ${CONNECTORS[String(question)]}`,
  },
  "copa/utils.doc_to_target": {
    sha256: COPA_UTILS,
    field: ({ label, choice1, choice2 }) => goingOn(Number(label) === 0 ? choice1 : choice2),
  },
  "copa/utils.doc_to_choice": {
    sha256: COPA_UTILS,
    field: ({ choice1, choice2 }) => [goingOn(choice1), goingOn(choice2)],
  },
};

export const TRUTHFULQA: Readonly<Record<string, BuiltIn>> = {
  "truthfulqa/utils.process_results_mc2": {
    sha256: "d3c827d1e2cd442a1e4738b527a18effd48cbb2aed478c12a652311b5ea4dbc8",
    /** The share of the probability that the true answers have together. */
    results: ({ mc2_targets }, { logLikelihoods }) => {
      const labels = (mc2_targets as { labels: readonly unknown[] }).labels.map(Number);
      const shares = logLikelihoods.map(Math.exp);
      const all = shares.reduce((sum, share) => sum + share, 0);
      return { acc: shares.reduce((sum, share, at) => (labels[at] === 1 ? sum + share / all : sum), 0) };
    },
  },
};
