// What judges that are language models read and write in a run, and about how long that takes.

import type { Judge, Task } from "../../evaluate/types.js";
import { type JudgeModelFacts, judgeModels, readTokens } from "../checks/judgedAnswers.js";
import { count } from "../checks/numberWords.js";

export interface PlannedJudge {
  readonly name: string;
  readonly model: string;
  /** Answers of all models together. */
  readonly answers: number;
  /** Tokens that it reads, and writes, at most. */
  readonly tokensRead: number;
  readonly tokens: number;
  /** About, from the sizes of its weights and the aligned model's, whose speed was measured; 0 where that was not. */
  readonly seconds: number;
}

/** What the judges do with some answers. */
export interface JudgedPart {
  readonly tokens: number;
  readonly seconds: number;
  readonly judges: readonly PlannedJudge[];
}

/** Reading a token takes about a third of writing one. */
const READING_COST = 1 / 3;

export class JudgeCosts {
  readonly #models: readonly JudgeModelFacts[];
  readonly #secondsPerToken: (parameters: number) => number;
  readonly #sums = new Map<string, PlannedJudge>();

  private constructor(models: readonly JudgeModelFacts[], secondsPerToken: (parameters: number) => number) {
    this.#models = models;
    this.#secondsPerToken = secondsPerToken;
  }

  /** @param aligned its size and measured speed: a model with twice the weights is taken to be half as fast */
  static async open(
    judges: readonly Judge[],
    aligned: { readonly parameters: number; readonly tokensPerSecond: number },
  ): Promise<JudgeCosts> {
    const { parameters, tokensPerSecond } = aligned;
    const seconds = (size: number) => (tokensPerSecond > 0 ? size / parameters / tokensPerSecond : 0);
    return new JudgeCosts(await judgeModels(judges), seconds);
  }

  /** @param tasksOf a judge: the answers that it is to read */
  of(tasksOf: (judge: string) => readonly Task[]): JudgedPart {
    const count = (tasks: readonly Task[]) =>
      tasks.reduce((sum, { items, decoding }) => sum + items.length * (decoding.samples ?? 1), 0);
    return this.#part(
      ({ name }) => count(tasksOf(name)),
      (one) => readTokens(one, tasksOf(one.name)).all,
    );
  }

  /** Answers that are there. */
  ofAnswers(rows: readonly { readonly request?: string | undefined; readonly answer: string }[]): JudgedPart {
    return this.#part(
      () => rows.length,
      ({ promptTokens }) => rows.reduce((sum, { request = "", answer }) => sum + promptTokens(request, answer), 0),
    );
  }

  #part(answersOf: (judge: JudgeModelFacts) => number, readBy: (judge: JudgeModelFacts) => number): JudgedPart {
    const judges = this.#models.map((one): PlannedJudge => {
      const { name, model, maxNewTokens, parameters } = one;
      const answers = answersOf(one);
      const tokensRead = readBy(one);
      const tokens = answers * maxNewTokens;
      const seconds = this.#secondsPerToken(parameters) * (tokens + READING_COST * tokensRead);
      return { name, model, answers, tokensRead, tokens, seconds };
    });
    const sum = (key: "tokens" | "seconds") => judges.reduce((total, one) => total + one[key], 0);
    return { tokens: sum("tokens"), seconds: sum("seconds"), judges };
  }

  /** Counts these too. */
  add({ judges }: JudgedPart): void {
    for (const one of judges) {
      const before = this.#sums.get(one.name);
      const sum = (key: "answers" | "tokensRead" | "tokens" | "seconds") => (before?.[key] ?? 0) + one[key];
      const sums = { answers: sum("answers"), tokensRead: sum("tokensRead"), tokens: sum("tokens") };
      this.#sums.set(one.name, { ...one, ...sums, seconds: sum("seconds") });
    }
  }

  get all(): readonly PlannedJudge[] {
    return [...this.#sums.values()];
  }
}

export function judgesText(judges: readonly PlannedJudge[]): string[] {
  return judges.map(
    ({ name, answers, tokensRead, tokens }) =>
      `The judge ${name} reads ${count(answers)} answers, at most ${count(tokensRead)} tokens with what was asked, and writes at most ${count(tokens)}.`,
  );
}
