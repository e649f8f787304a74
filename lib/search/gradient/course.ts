// How the way by gradient goes.

/**
 * Weights of the refusals' loss against the task's, both as shares of what they change by between the two ends: from those that hold
 * nearly all refusals to those that hold nearly all of the task, each below the one before by the root of 2.
 */
export const WEIGHTS = Array.from({ length: 20 }, (_, at) => 2 ** (2 - at / 2));

/** For each weight, from where the one before it ended: the rate in widths of the range. */
export const STEPS = { steps: 6, rate: 0.1 } as const;

/** Of all weights, and one at each of the two ends: how often every row is read forward and back. */
export const PASSES = 2 + STEPS.steps * WEIGHTS.length;

/** Tokens of an answer that count: what refuses stands at its beginning; of the task's answers it is the whole, if it is not long. */
export const ANSWER_TOKENS = { safety: 32, task: 128 } as const;

/** For people: what a plan counts the learning to. */
export const LEARNING = "coefficients by gradient";
