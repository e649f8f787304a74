// How far two numbers may differ that are equal on paper.

/** 0.1 + 0.02 is a little less than 0.12 in binary: a margin that is just kept is kept. */
export const SLACK = 1e-12;
