// Medical questions of patients, answered by doctors: HealthCareMagic and iCliniq, as ChatDoctor publishes them.

import { RetemperError } from "../../errors.js";
import { findColumn, textOf } from "../data/columns.js";
import { loadRows } from "../data/loadRows.js";
import type { Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type TaskContext } from "./context.js";
import { bertScoreScorer } from "./scorers.js";
import { bertMetric } from "./toolCalls.js";

const SYSTEM = {
  text: "If you are a doctor, please answer the medical questions based on the patient's description.",
  joint: " ",
};
const QUESTIONS = ["input", "question", "prompt", "Question"];
const ANSWERS = ["output", "answer", "answer_icliniq", "response", "reference", "Answer"];

export async function loadMedical(context: TaskContext): Promise<Task> {
  const source = context.data.medical;
  if (source === undefined) {
    throw new RetemperError("USAGE", "The task medical needs a file of questions and answers.", {
      hint: "--data medical=iCliniq.json, with columns such as input and output",
    });
  }
  if (!context.encoder) {
    throw new RetemperError("USAGE", "The task medical needs an encoder for BERTScore.", {
      hint: "--bertscore-model microsoft/deberta-xlarge-mnli (layer 40)",
    });
  }
  const { facts, files } = await loadRows(source, { hub: context.hub });
  const items: Item[] = [];
  for (const { path, rows } of files) {
    const [questions, answers] = [
      findColumn(rows, QUESTIONS, "the questions", path),
      findColumn(rows, ANSWERS, "the answers", path),
    ];
    for (const [index, row] of rows.entries()) {
      const request = textOf(row, questions, path, index);
      items.push({
        id: files.length > 1 ? `${path}/${index}` : String(index),
        prompt: chatPrompt(request, SYSTEM, context),
        request,
        references: [textOf(row, answers, path, index)],
      });
    }
  }
  return {
    name: "medical",
    kind: "task",
    data: [facts],
    warnings: [],
    items: items.slice(0, context.limit),
    ask: "generate",
    decoding: decodingOf({ maxNewTokens: 512, temperature: 0, repetitionPenalty: 1.2 }, context),
    scorers: [bertScoreScorer(context.encoder)],
    metrics: [bertMetric],
  };
}
