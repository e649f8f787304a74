// A number beside the task against safety, every merge in one picture: the third side of the front.

import type { Candidate, Point } from "../../select/types.js";
import type { Axis } from "../axes.js";
import type { ExperimentResults } from "../types.js";
import type { Figure } from "./figure.js";
import { frontOf } from "./front.js";

/** The front is that of all numbers, whichever two the picture shows. */
export function axisFront(results: ExperimentResults, axis: Axis, all: readonly Axis[]): Figure {
  const { validation, test, selection, labels, controls } = results;
  const on = <T extends Point>(model: T): T => ({ ...model, score: axis.of(model) ?? model.score });
  const isThere = (model: Point) => axis.of(model) !== undefined;
  const { candidate } = selection.overall;
  const chosen: Candidate | null = candidate && isThere(candidate) ? on(candidate) : null;
  const shown: ExperimentResults = {
    ...results,
    labels: { ...labels, score: axis.label },
    testLabels: { asr: (results.testLabels ?? labels).asr, score: axis.label },
    validation: {
      ...validation,
      better: axis.higher ? "high" : "low",
      aligned: on(validation.aligned),
      tuned: on(validation.tuned),
      candidates: validation.candidates.filter(isThere).map(on),
    },
    test: { ...test, chosen: test.chosen.filter(isThere).map(on) },
    selection: {
      ...selection,
      overall: { ...selection.overall, candidate: chosen },
      front: (selection.wholeFront ?? []).filter(isThere).map(on),
    },
    ...(controls && {
      controls: {
        ...controls,
        curves: controls.curves.map((one) => ({ ...one, points: one.points.filter(isThere).map(on) })),
      },
    }),
  };
  const beats = `all numbers: ${[labels.score, labels.asr, ...all.map(({ label }) => label)].join(", ")}`;
  return frontOf(shown, { id: `front-${axis.id}`, beats });
}
