// What results.json says of the forms in which the merge ships: the files that people get, compared with what was measured.

import type { DistributionComparison } from "../behave/types.js";
import type { Confirmation, Quantity } from "../select/types.js";
import type { PairedTest } from "./measured.js";

/** How a form behaves beside the merge that was measured. No text that was asked or answered is in it. */
export interface FormBehaviour {
  readonly verdict: "same" | "within tolerance" | "different";
  /** Nats a token by which its answers may differ. */
  readonly tolerance: number;
  /** Of the items that chose lambda. */
  readonly prompts: number;
  /** The surest first, as `compareBehaviour` names them. */
  readonly causes: readonly {
    readonly name: string;
    readonly sure: string;
    readonly summary: string;
    readonly remedy: string;
  }[];
  /** Of the first token of each answer, and of all tokens of the measured merge's answers. */
  readonly firstToken?: DistributionComparison | undefined;
  readonly sameTokens?: DistributionComparison | undefined;
  /** Greedy ones. */
  readonly answers: { readonly same: number; readonly compared: number };
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
}

/** One form of the merge to ship. */
export interface ShippedForm {
  /** "gguf q4_k_m" */
  readonly name: string;
  readonly format: "safetensors" | "gguf" | "fp8" | "adapter";
  /** Relative to the experiment's folder. */
  readonly path: string;
  /** Of the weights. */
  readonly bytes: number;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly behaviour: FormBehaviour;
  /** On the test data; absent where it is the model that was measured, and where it was not to be. */
  readonly measured?:
    | Readonly<Record<"score" | "asr", Quantity> & Partial<Record<"overRefusal", Quantity>>>
    | undefined;
  /** The form against the merge, on the same items. */
  readonly paired?: readonly PairedTest[] | undefined;
  /** Whether this form keeps what the rule and its gate claim, as the choice did; absent where these claim nothing. */
  readonly confirmation?: Confirmation | undefined;
  /** Whether it may ship: it is not different, and keeps what is claimed. */
  readonly holds: boolean;
  readonly sentence: string;
}

/** What a study says of a form: whether it ships, and why not. */
export type FormInShort = Pick<ShippedForm, "name" | "path" | "holds" | "sentence">;

export interface ShipResults {
  /** In the experiment's order. */
  readonly forms: readonly ShippedForm[];
  /** Whether each of them does. */
  readonly holds: boolean;
  readonly sentence: string;
}
