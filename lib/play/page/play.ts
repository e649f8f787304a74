// What the page holds, and what can be done with it.

import { batch, computed, type Signal, signal } from "@preact/signals";
import type { PlayCandidate, PlayFacts, PlayPoint } from "../types.js";
import { Api, Failure } from "./api.js";
import { Askings, type Question } from "./asking.js";
import { besides, type Column, firstPoints, MOST_COLUMNS, newColumn, nextPoint, ninePoints } from "./columns.js";
import { questionOf } from "./question.js";
import { saveFile } from "./saveFile.js";
import { Strip } from "./strip.js";
import { pointWords, samePoint, short } from "./words.js";

/** Milliseconds that a slider, or a row of prompts, rests before it is asked. */
const PAUSE = 250;

export class Play {
  readonly facts = signal<PlayFacts | undefined>(undefined);
  readonly columns = signal<readonly Column[]>([]);
  readonly prompt = signal("");
  readonly system = signal("");
  /** As they are typed. */
  readonly settings = { maxNewTokens: signal("64"), temperature: signal("0"), seed: signal("0") };
  /** Which of the prompts to flip through; 0: the reader's own. */
  readonly place = signal(0);
  /** The question that the columns were asked last. */
  readonly question = signal<Question | undefined>(undefined);
  readonly running = signal(false);
  /** Told to screen readers without a hurry: one sentence at a time, never the answers themselves. */
  readonly said = signal("");
  /** Told at once. */
  readonly problem = signal<string | undefined>(undefined);
  /** Set while the server asks for a key: what to do once there is one. */
  readonly wantsKey: Signal<(() => void) | undefined> = signal(undefined);
  readonly strip: Strip;
  /** The column that the others are compared with. */
  readonly first = computed(() => this.columns.value[0]);

  readonly #api = new Api();
  readonly #askings = new Askings(this.#api);
  #own = "";
  readonly #moved = new Set<Column>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.strip = new Strip(this.#api);
  }

  async start(): Promise<void> {
    await this.#trying(
      async () => {
        const facts = await this.#api.facts();
        batch(() => {
          this.facts.value = facts;
          this.settings.maxNewTokens.value = String(Math.min(64, facts.maxNewTokens));
          this.#show(Math.min(1, facts.prompts.length));
          const chosen = facts.results?.candidates.find(({ chosen }) => chosen);
          if (chosen) this.open(chosen);
          else this.columns.value = firstPoints(facts).map((point) => newColumn(point));
        });
      },
      () => this.start(),
    );
  }

  /** Asks all columns what is in the field. */
  ask(): void {
    const question = questionOf(this, this.#known);
    if (typeof question === "string") {
      this.problem.value = question;
      return;
    }
    if (question.asked !== this.question.value?.asked) this.strip.forget();
    this.question.value = question;
    this.#ask(this.columns.value);
  }

  stop(): void {
    this.#wait();
    this.#askings.stop();
    this.strip.stop();
    this.said.value = "Stopped. What has come stays.";
  }

  /** The slider of a column stands elsewhere: it is asked again after a short pause. */
  move(column: Column, point: PlayPoint): void {
    column.point.value = point;
    this.#askings.leave(column);
    if (this.question.value) this.#later(column);
  }

  add(
    points: readonly PlayPoint[] = [
      nextPoint(
        this.columns.value.map(({ point }) => point.value),
        this.#known,
      ),
    ],
  ): void {
    const columns = points.slice(0, MOST_COLUMNS - this.columns.value.length).map((point) => newColumn(point));
    this.columns.value = [...this.columns.value, ...columns];
    if (this.question.value) this.#ask(columns);
  }

  remove(column: Column): void {
    this.#askings.leave(column);
    this.#moved.delete(column);
    this.columns.value = this.columns.value.filter((one) => one !== column);
    this.said.value = `The column at ${pointWords(column.point.value)} is gone.`;
  }

  /** Nine columns over the whole range, asked at once. */
  nine(range: readonly [number, number]): void {
    this.#replace(ninePoints(range).map((point) => newColumn(point)));
    if (this.prompt.value.trim() !== "") this.ask();
  }

  /** A candidate of the experiment beside the aligned and the fine-tuned model. */
  open(candidate: PlayCandidate): void {
    const { aligned, fineTuned } = this.#known.results ?? {};
    this.#replace(besides(candidate, [aligned, fineTuned]).map(({ point, label }) => newColumn(point, label)));
    this.said.value = `${candidate.label} is open.`;
    if (this.question.value) this.#ask(this.columns.value);
  }

  /** Another prompt of the set; 0 is what the reader wrote, which is kept. */
  flip(by: number): void {
    const { prompts } = this.#known;
    const place = Math.min(prompts.length, Math.max(0, this.place.value + by));
    if (place === this.place.value) return;
    this.#show(place);
    this.#askings.stop();
    this.strip.forget();
    this.question.value = undefined;
    this.said.value = place === 0 ? "Your own prompt." : `Prompt ${place} of ${prompts.length}.`;
    this.#wait(() => this.prompt.value.trim() !== "" && this.ask());
  }

  /** What the reader writes is a prompt of their own, also where it began as one of the set. */
  write(prompt: string): void {
    this.place.value = 0;
    this.#own = prompt;
    this.prompt.value = prompt;
  }

  /** The strip of the last question. */
  async showStrip(): Promise<void> {
    const question = this.question.value;
    if (question)
      await this.#trying(
        () => this.strip.show(this.#known, question),
        () => this.showStrip(),
      );
  }

  async saveRecipe(column: Column): Promise<void> {
    await this.#trying(
      async () => {
        const { file, name } = await this.#api.recipe(column.point.value);
        saveFile(file, name);
        this.said.value = `${name} is saved: the recipe at ${pointWords(column.point.value)}.`;
      },
      () => this.saveRecipe(column),
    );
  }

  async measure(): Promise<void> {
    await this.#trying(
      async () => {
        const { added, count } = await this.#api.measure({ prompt: this.prompt.value });
        const set = `${this.#known.set} has ${count} prompt${count === 1 ? "" : "s"}`;
        this.said.value = added ? `Added: ${set} now.` : `It was there already: ${set}.`;
      },
      () => this.measure(),
    );
  }

  useKey(key: string): void {
    const then = this.wantsKey.value;
    this.#api.key = key;
    this.wantsKey.value = undefined;
    this.problem.value = undefined;
    then?.();
  }

  get #known(): PlayFacts {
    return this.facts.value as PlayFacts;
  }

  #show(place: number): void {
    this.place.value = place;
    this.prompt.value = place === 0 ? this.#own : (this.#known.prompts[place - 1] ?? "");
  }

  #replace(columns: readonly Column[]): void {
    this.#wait();
    this.#askings.stop();
    this.columns.value = columns;
  }

  #ask(columns: readonly Column[]): void {
    const question = this.question.value;
    const asked = columns.filter((column) => this.#inRange(column));
    if (!question || asked.length === 0) return;
    this.#wait();
    for (const column of asked) this.#moved.delete(column);
    this.#trying(
      async () => {
        this.running.value = true;
        this.said.value =
          asked.length === 1 ? `Asking ${pointWords(asked[0]?.point.value ?? {})}.` : `Asking ${asked.length} columns.`;
        try {
          const complete = await this.#askings.ask(asked, question);
          await this.#judge(complete, question);
          if (complete.length > 0 && this.#askings.running.length === 0 && question === this.question.value) {
            this.said.value =
              complete.length === 1 ? "The answer is complete." : `${complete.length} answers are complete.`;
          }
        } finally {
          this.running.value = this.#askings.running.length > 0;
        }
        if (!this.running.value) await this.strip.show(this.#known, question);
      },
      () => this.#ask(columns),
    );
    // Those that moved while the others were asked come after them.
    if (this.#moved.size > 0) this.#later();
  }

  /** What lies outside of the range is told here: the others are asked all the same. */
  #inRange(column: Column): boolean {
    const { lambda } = column.point.value;
    const range = this.#known.lambdaRange;
    const inside = lambda === undefined || !range || (lambda >= range[0] && lambda <= range[1]);
    this.#askings.leave(column);
    column.problem.value = inside
      ? undefined
      : `Lambda ${short(lambda)} is outside of this recipe's range, ${range[0]} to ${range[1]}. Move the slider, or write another number.`;
    return inside;
  }

  async #judge(columns: readonly Column[], question: Question): Promise<void> {
    if (columns.length === 0) return;
    const prompt = question.prompt ?? question.messages?.at(-1)?.content ?? "";
    const answers = columns.map(({ answer }) => answer.value);
    const { verdicts } = await this.#api.verdicts({ prompt, answers: answers.map((answer) => answer?.text ?? "") });
    batch(() => {
      for (const [at, { answer }] of columns.entries()) {
        const [judged, verdict] = [answers[at], verdicts[at]];
        if (judged && verdict && answer.value === judged) answer.value = { ...judged, verdict };
      }
    });
  }

  #later(column?: Column): void {
    if (column) this.#moved.add(column);
    this.#wait(() => {
      const here = this.columns.value.filter((one) => this.#moved.has(one) && !isThere(one, this.question.value));
      this.#moved.clear();
      this.#ask(here);
    });
  }

  /** One thing to do after a pause, in place of what waited until now. */
  #wait(then?: () => void): void {
    clearTimeout(this.#timer);
    if (then) this.#timer = setTimeout(then, PAUSE);
  }

  /** Does something that the server may refuse: says why, and tries again once it has a key. */
  async #trying(work: () => Promise<void>, again: () => void): Promise<void> {
    this.problem.value = undefined;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.problem.value = error.message;
      if (error.status === 401) this.wantsKey.value = again;
    }
  }
}

function isThere({ answer, point }: Column, question: Question | undefined): boolean {
  const { value } = answer;
  return value?.state === "complete" && value.asked === question?.asked && samePoint(value.point, point.value);
}
