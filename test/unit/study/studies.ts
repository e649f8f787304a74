// Studies for tests: values that depend on model, tuning and item alone, whoever measured them.

import { inOrder } from "../../../lib/study/results/inOrder.js";
import {
  STUDY_FORMAT,
  type StudyCell,
  type StudyItem,
  type StudyModel,
  type StudyResults,
} from "../../../lib/study/results/types.js";

export interface Measured {
  readonly seeds: readonly number[];
  /** Numbers of the items of each set. */
  readonly items: readonly number[];
  readonly stock?: boolean;
}

/** 0 or 1, the same for the same words; about as often 1 as `share` says. */
function outcome(share: number, ...words: readonly (string | number)[]): number {
  let hash = 7;
  for (const character of words.join("/")) hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003;
  return (hash % 1000) / 1000 < share ? 1 : 0;
}

export function cellWith({ seeds, items, stock = false }: Measured, change: Partial<StudyCell> = {}): StudyCell {
  const named = (set: string, part: string): StudyItem[] =>
    items.map((item) => ({ set, prompt: `${part}-${set}-${item}`, category: item % 2 === 0 ? "even" : "odd" }));
  const part = (name: string) => {
    const all = {
      safety: [...named("advbench", name), ...named("hexphi", name)],
      overRefusal: [],
      task: named("calls", name),
      selected: [],
      skills: [...named("sums", name)].map((item) => ({ ...item, skill: "sums" })),
    };
    const model = (role: StudyModel["role"], lambda: number, own: Partial<StudyModel> = {}): StudyModel => ({
      role,
      ...own,
      rows: (role === "aligned" || own.of ? ["all"] : seeds.map(String)).map((seed) => ({
        ...{ seed, tuning: seed },
        values: {
          safety: all.safety.map(({ prompt }) => outcome(0.1 + 0.5 * lambda, prompt, role, lambda, seed)),
          overRefusal: [],
          task: all.task.map(({ prompt }) => outcome(0.1 + 0.8 * lambda, prompt, role, lambda, seed)),
          selected: [],
          skills: all.skills.map(({ prompt }) => outcome(0.9 - 0.5 * lambda, prompt, role, lambda, seed)),
        },
      })),
    });
    return {
      items: all,
      models: [
        model("aligned", 0),
        model("tuned", 1),
        ...[0.2, 0.6].map((lambda) => model("merge", lambda, { method: "linear", lambda })),
        ...(stock ? [model("merge", 0.5, { method: "model_stock", of: seeds.map(String) })] : []),
      ],
    };
  };
  return inOrder({
    ...{ task: "calls", model: "town", better: "high", split: false, data: [] },
    labels: { score: "calls", asr: "ASR" },
    testLabels: { score: "calls", asr: "ASR" },
    agreement: { "aligned model": "a".repeat(64), methods: ["linear"], decoding: { maxNewTokens: 16 } },
    rule: { rule: "score" },
    tunings: seeds.map((seed) => ({ seed: String(seed), digest: String(seed).padStart(64, "0") })),
    validation: part("validation"),
    test: part("test"),
    ...change,
  });
}

export function studyWith(...cells: readonly StudyCell[]): StudyResults {
  return { format: STUDY_FORMAT, name: "Toy", versions: ["1"], cells, notes: [] };
}
