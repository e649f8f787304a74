// From a suite's words to tasks that this model can be asked.

import { RetemperError } from "../../errors.js";
import type { TextGenerator } from "../../generate/types.js";
import type { TaskContext } from "../tasks/context.js";
import { loadTask, requireDistinct, suiteEntries } from "../tasks/registry.js";
import { forOpeners, openersOf } from "../tasks/stress.js";
import type { Task } from "../types.js";
import { scoresTexts } from "./askModel.js";
import type { EvaluateOptions } from "./evaluateOptions.js";

/** What evaluate() takes: names of tasks and suites, or tasks of one's own. */
export type Suite = string | readonly string[] | readonly Task[];

/** @throws RetemperError for words, data and settings that are wrong, and tasks that this model cannot do */
export async function loadSuite(model: TextGenerator, suite: Suite, options: EvaluateOptions): Promise<Task[]> {
  const words = typeof suite === "string" ? [suite] : suite;
  const ready = words.filter((word): word is Task => typeof word !== "string");
  const context: TaskContext = {
    data: options.data ?? {},
    limit: options.limit,
    decoding: options.decoding,
    system: options.system,
    chat: options.chat,
    model: abilitiesOf(model),
    hub: { ...options.hub, signal: options.signal, onNote: options.onWarning },
    code: options.code,
    encoder: options.bertScore,
    bbh: options.bbh,
    lmEval: options.lmEval,
    paperExact: options.paperExact,
    opener: options.opener,
    passAt: options.passAt,
  };
  const tasks = [...ready];
  if (ready.length < words.length) {
    const openers = openersOf(options.opener);
    const entries = suiteEntries(
      words.filter((word) => typeof word === "string"),
      context.data,
    ).flatMap((entry) => forOpeners(entry, openers));
    requireDistinct(entries);
    const problems: RetemperError[] = [];
    for (const entry of entries) {
      try {
        tasks.push(await loadTask(entry, context));
      } catch (error) {
        if (!(error instanceof RetemperError)) throw error;
        problems.push(error);
      }
    }
    if (problems.length > 0) throw together(problems);
  }
  for (const task of tasks) {
    if (task.items.length === 0) throw new RetemperError("BAD_INPUT", `${task.name} has no items.`);
    requirePrimary(task);
    if (task.ask === "likelihood" && !scoresTexts(model)) {
      throw new RetemperError(
        "USAGE",
        `${task.name} needs log-probabilities of texts, which an endpoint does not give.`,
        {
          hint: "open the model in process: --engine native or tensorflow",
        },
      );
    }
  }
  return tasks;
}

/** What stands for a task must be a number of its items, or the mean over groups of one: else nothing could be measured of it. */
function requirePrimary({ name, kind, primary, metrics, macro }: Task): void {
  if (kind !== "task" || primary === undefined) return;
  const there = metrics.flatMap((metric) => [metric.name, ...(macro ? [`macro_${metric.name}`] : [])]);
  if (there.includes(primary)) return;
  throw new RetemperError("USAGE", `${name} has no metric ${primary}, by which it would be measured.`, {
    hint: `its metrics are ${there.join(", ") || "none"}`,
  });
}

/** Whether the model's template has a system's turn, found out by trying. An endpoint is taken to know both. */
function abilitiesOf(model: TextGenerator): TaskContext["model"] {
  const { tokenizer } = model as { tokenizer?: { hasChatTemplate: boolean; applyChatTemplate(of: unknown): string } };
  if (!tokenizer) return { chatTemplate: true, systemRole: true };
  if (!tokenizer.hasChatTemplate) return { chatTemplate: false, systemRole: false };
  const mark = "a system's word";
  try {
    const text = tokenizer.applyChatTemplate([
      { role: "system", content: mark },
      { role: "user", content: "a user's word" },
    ]);
    return { chatTemplate: true, systemRole: text.includes(mark) };
  } catch {
    return { chatTemplate: true, systemRole: false };
  }
}

/** All that is wrong at once, so that a long suite need not be tried again and again. */
function together(problems: readonly RetemperError[]): RetemperError {
  const [first, ...others] = problems as [RetemperError, ...RetemperError[]];
  if (others.length === 0) return first;
  const hints = [...new Set(problems.flatMap(({ hint }) => hint ?? []))];
  return new RetemperError(first.code, problems.map(({ message }) => message).join("\n"), {
    hint: hints.join("\n"),
    cause: first,
  });
}
