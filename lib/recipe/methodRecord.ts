// What is known of a merge method: its parameters, their defaults, and the models it needs.

export type ParameterType = "number" | "integer" | "boolean" | "choice" | "text";

/** What a parameter may be. Without `default` and without `required` it may stay unset (passthrough's `scale`). */
export interface ParameterRecord {
  readonly type: ParameterType;
  readonly default?: number | boolean | string;
  readonly required: boolean;
  /** The allowed words of a `choice`. */
  readonly choices?: readonly string[];
  /** Smallest allowed value, for parameters that have no meaning below it. */
  readonly min?: number;
  /** One value for all tensors: no filters, no gradients. */
  readonly constant?: boolean;
}

/** How the generalised task arithmetic family differs: d -> sparsify -> weigh -> elect -> sum -> normalise -> add. */
export interface TaskArithmeticRecord {
  readonly sparsifier: "none" | "magnitude" | "random" | "outliers" | "ranked";
  /** Keep only the contributions whose sign is that of the weighted sum (TIES). */
  readonly election: boolean;
  readonly normalize: boolean;
  readonly rescale: boolean;
}

/**
 * A method that is prepared: it reads its models first and makes inputs of its own, from which an ordinary recipe
 * (a sum with weights) then merges.
 */
export interface PreparedRecord {
  /** Needs `unaligned_model`. */
  readonly unaligned: boolean;
  /** Needs `safe_model`. */
  readonly safe: boolean;
  /** Whether what it reads decides gates, which a plan shows. */
  readonly gates: boolean;
}

export interface Count {
  readonly min: number;
  readonly max?: number;
}

export interface MethodRecord {
  /** The method's name in prose. */
  readonly title: string;
  /** Where it was published. */
  readonly source?: string;
  readonly global: Readonly<Record<string, ParameterRecord>>;
  readonly perModel: Readonly<Record<string, ParameterRecord>>;
  /** True where the base model is an input like the others and has per-model parameters too. */
  readonly baseIsInput: boolean;
  /** "ignored": a base model only says where configuration and tokenizer come from. */
  readonly base: "required" | "optional" | "ignored";
  /** Number of inputs of a slice, base model included. */
  readonly inputs: Count;
  /** Number of inputs of a slice without the base model. */
  readonly nonBase?: Count;
  /**
   * What becomes of an optional tensor (lm_head under tied embeddings, buffers) that not every input has:
   * the inputs without it are left out ("drop"), a lone input is passed through ("passthrough"; "passthrough_base":
   * only if it is the base's), or the base's is taken ("base").
   */
  readonly optionalTensor: "drop" | "passthrough" | "passthrough_base" | "base";
  readonly taskArithmetic?: TaskArithmeticRecord;
  /** The parameter that a caller's `lambda` sets, as the share of the fine-tuned model; undefined: the method has none. */
  readonly lambda?: "weight" | "t" | "lambda";
  /**
   * Towards the aligned model: for each parameter that has a safe end, whether larger or smaller values are nearer to it. By
   * this a choice that starts at the safe end knows where it is. `lambda` is always safer when it is smaller.
   */
  readonly safer?: Readonly<Record<string, "larger" | "smaller">>;
  readonly prepared?: PreparedRecord;
}
