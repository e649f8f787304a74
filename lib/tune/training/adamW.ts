// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with bias correction, on float32 arrays.

export interface AdamSettings {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** First and second moments of one parameter's gradient. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export function noMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) };
}

/** An array that is trained, its gradient and moments. */
export interface Optimized {
  readonly values: Float32Array;
  readonly gradient: Float32Array;
  readonly moments: Moments;
}

/** How far the training is: `step` counts from 1; `factor` multiplies gradients (clipping). */
export interface AdamStep {
  readonly step: number;
  readonly rate: number;
  readonly factor: number;
}

export interface Optimizer {
  /** Sets all gradients to 0. */
  clear(): void;
  /** The Euclidean norm of all gradients together, summed in float64. */
  norm(): number;
  /**
   * One step, in place: p -= rate * weightDecay * p, then p -= rate * m' / (sqrt(v') + epsilon), where m' and v' are the
   * moments divided by 1 - beta^step.
   */
  step(step: AdamStep): void;
}

/** In JavaScript, for engines without an optimiser of their own. */
export function adamW(parameters: readonly Optimized[], settings: AdamSettings): Optimizer {
  return {
    clear() {
      for (const { gradient } of parameters) gradient.fill(0);
    },
    norm() {
      let squares = 0;
      for (const { gradient } of parameters) for (const g of gradient) squares += g * g;
      return Math.sqrt(squares);
    },
    step(step) {
      for (const parameter of parameters) adamStep(parameter, settings, step);
    },
  };
}

function adamStep(
  { values, gradient, moments: { first, second } }: Optimized,
  { betas: [beta1, beta2], epsilon, weightDecay }: AdamSettings,
  { step, rate, factor }: AdamStep,
): void {
  const kept = 1 - rate * weightDecay;
  const stride = rate / (1 - beta1 ** step);
  const root = Math.sqrt(1 - beta2 ** step);
  for (let i = 0; i < values.length; i++) {
    const g = (gradient[i] as number) * factor;
    const m = (first[i] as number) * beta1 + g * (1 - beta1);
    const v = (second[i] as number) * beta2 + g * g * (1 - beta2);
    first[i] = m;
    second[i] = v;
    values[i] = (values[i] as number) * kept - (stride * m) / (Math.sqrt(v) / root + epsilon);
  }
}

/** What gradients of this norm are multiplied by, so that it is at most `most`; 0: no limit. As PyTorch's clip_grad_norm_. */
export function clipFactor(norm: number, most: number): number {
  return most === 0 ? 1 : Math.min(1, most / (norm + 1e-6));
}
