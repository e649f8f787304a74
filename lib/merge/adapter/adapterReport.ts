// What an adapter out of a merge keeps of the change it stands for.

/** One tensor of the base that the adapter changes by a product of thin matrices. */
export interface AdapterTensorReport {
  /** The base's name of it. */
  readonly name: string;
  /** Of the adapter's product. */
  readonly rank: number;
  /** Share of the change's squared Euclidean norm that the product keeps; 1 where nothing was left out. */
  readonly kept: number;
  /** Euclidean norm of what is missing, divided by the change's; 0 where nothing was left out. */
  readonly error: number;
}

export interface AdapterReport {
  readonly base: string;
  readonly tensors: readonly AdapterTensorReport[];
  /** Tensors that are kept whole (modules_to_save), by the base's names. */
  readonly whole: readonly string[];
  /** The same two over all tensors of `tensors` together. */
  readonly kept: number;
  readonly error: number;
}

export interface Remainder {
  readonly name: string;
  readonly rank: number;
  /** Squared norms of the change and of what is missing; undefined where nothing is. */
  readonly square: number | undefined;
  readonly lost: number;
}

/** Sums up what each tensor lost. Where none lost anything, no norm is known and none is needed. */
export function adapterReport(base: string, parts: readonly Remainder[], whole: readonly string[]): AdapterReport {
  const [lost, square] = [parts, parts].map((all, at) =>
    all.reduce((sum, part) => sum + (at === 0 ? part.lost : (part.square ?? 0)), 0),
  ) as [number, number];
  return {
    base,
    tensors: parts.map(({ name, rank, square: own, lost: missing }) => ({ name, rank, ...shares(missing, own ?? 0) })),
    whole,
    ...shares(lost, square),
  };
}

function shares(lost: number, square: number): { readonly kept: number; readonly error: number } {
  if (square === 0 || lost === 0) return { kept: 1, error: 0 };
  return { kept: Math.max(0, 1 - lost / square), error: Math.sqrt(lost / square) };
}
