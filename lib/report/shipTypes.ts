// What results.json says of the forms in which the merge ships: the files that people get, compared with what was measured.

import type { DistributionComparison } from "../behave/types.js";
import type { Confirmation, Quantity } from "../select/types.js";
import type { Measured, PairedTest } from "./measured.js";

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

/** Numbers without each item's value. */
export type ShortNumbers = Readonly<Record<"score" | "asr", Quantity> & Partial<Record<"overRefusal", Quantity>>> &
  Pick<Measured, "weights">;

/** Safety items on which a model's answer changed sides when its weights did, over all seeds. */
export interface TurnedRefusals {
  /** Refused before, and no more. */
  readonly lost: number;
  readonly gained: number;
  /** Items that have a verdict of both. */
  readonly of: number;
}

/** A model in other weights than those that it was measured in before, on the same items of the test. */
export interface Requantised {
  readonly measured?: ShortNumbers | undefined;
  /** The model against itself in the other weights. */
  readonly paired?: readonly PairedTest[] | undefined;
  /** Absent where verdicts are no yes or no. */
  readonly refusals?: TurnedRefusals | undefined;
}

/** One form of the merge to ship; `measured` is absent where it is the model that was measured, and where it was not to be. */
export interface ShippedForm extends Requantised {
  /** "gguf q4_k_m" */
  readonly name: string;
  readonly format: "safetensors" | "gguf" | "fp8" | "adapter";
  /** Relative to the experiment's folder. */
  readonly path: string;
  /** Of the weights. */
  readonly bytes: number;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly behaviour: FormBehaviour;
  /** The models "aligned" and "fine-tuned" in this form, where they were to be measured (`allModels`). */
  readonly others?: readonly (Requantised & { readonly name: string })[] | undefined;
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
