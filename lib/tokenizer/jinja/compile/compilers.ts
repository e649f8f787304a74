// What the parts of a template become, and the two compilers that every other one calls for what stands within its node. A
// frame carries these two, since they call the others in turn.

import type { Expression, Statement } from "../syntax/nodes.js";
import type { Value } from "../values/value.js";
import type { Scope } from "./scope.js";

/** Computes an expression. */
export type Compute = (scope: Scope) => Value;
/** How a statement ends: with the next one, or with a jump out of a loop's round. */
export type Signal = undefined | "break" | "continue";
/** Carries a statement out. */
export type Execute = (scope: Scope) => Signal;
/** Assigns a value to a place. */
export type Store = (scope: Scope, value: Value) => void;

/** @template Place Where in a template a node stands: a frame. */
export interface Compilers<Place> {
  readonly expression: (node: Expression, place: Place) => Compute;
  readonly statements: (nodes: readonly Statement[], place: Place) => Execute;
}
