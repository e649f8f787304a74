// A model's products as functions of coefficients: W + e D for each tensor, at e = 0, where only the derivative by e is of interest.
// With y = (W + e D) x it is <dL/dy, D x>, so a product with D forward is all that D is needed for.

import type { StoredTensor } from "../../checkpoint/types.js";
import type { Runtime } from "../../nn/ops/runtime.js";
import type { Cache, CacheShape, Matrix, Weight } from "../../nn/ops/specs.js";
import {
  add,
  customGrad,
  mul,
  type Scalar,
  scalar,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
  type Variable,
  variable,
  zeros,
} from "../../nn/tensorflowCore.js";
import type { Parameter } from "../adapter/terms.js";

export class CoefficientRuntime implements Runtime {
  private readonly base: Runtime;
  private readonly delta: Runtime;
  private readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly coefficients: ReadonlyMap<string, Parameter>;
  private readonly variables = new Map<Parameter, Variable>();
  /** By the base's matrices and vectors: the same of D. */
  private readonly changes = new Map<Matrix | Weight, Matrix | Weight>();

  /**
   * @param base the model at the point where derivatives are taken
   * @param delta the engine that has D as its weights, on the same backend
   * @param tensors of D
   * @param coefficients by tensor name; all are 0
   */
  constructor(
    base: Runtime,
    delta: Runtime,
    tensors: ReadonlyMap<string, StoredTensor>,
    coefficients: ReadonlyMap<string, Parameter>,
  ) {
    this.base = base;
    this.delta = delta;
    this.tensors = tensors;
    this.coefficients = coefficients;
  }

  /** A coefficient as a variable of TensorFlow.js. */
  variableOf(parameter: Parameter): Variable {
    let found = this.variables.get(parameter);
    if (!found) {
      const first = scalar(0);
      found = variable(first, true);
      first.dispose();
      this.variables.set(parameter, found);
    }
    return found;
  }

  linear(x: Tensor2D, matrix: Matrix): Tensor2D {
    const y = this.base.linear(x, matrix);
    const bare = this.change(matrix, () => ({ ...matrix, bias: undefined, weight: this.ofDelta(matrix.weight) }));
    const own = this.withCoefficient(y, matrix.weight, [x], (dy, [from]) =>
      sum(mul(dy, this.delta.linear(from as Tensor2D, bare))),
    );
    const { bias } = matrix;
    if (!bias) return own;
    return this.withCoefficient(own, bias, [], (dy) => sum(mul(dy, this.vectorOf(bias))));
  }

  vector(weight: Weight): Tensor {
    const own = this.base.vector(weight);
    const coefficient = this.coefficients.get(weight.name);
    return coefficient ? add(own, mul(this.variableOf(coefficient), this.vectorOf(weight))) : own;
  }

  /** Of a table without its coefficient: whoever takes derivatives of it has the gradient of these rows. */
  gather(table: Weight, ids: Int32Array): Tensor2D {
    return this.base.gather(table, ids);
  }

  /** <dy, rows of D's table>: the derivative by a table's coefficient of what was made of its rows. */
  alongRows(dy: Tensor2D, table: Weight, ids: Int32Array): number {
    const changed = this.change(table, () => this.ofDelta(table));
    return tidy(() => sum(mul(dy, this.delta.gather(changed, ids))).dataSync()[0] as number);
  }

  createCache(shape: CacheShape): Cache {
    return this.base.createCache(shape);
  }

  /** Frees the variables; both engines stay. */
  dispose(): void {
    for (const each of this.variables.values()) each.dispose();
    this.variables.clear();
  }

  /** y, whose derivative by the weight's coefficient `derive` gives of its own gradient and of what was saved. */
  private withCoefficient(
    y: Tensor2D,
    { name }: Weight,
    saved: Tensor[],
    derive: (dy: Tensor2D, saved: readonly Tensor[]) => Tensor,
  ): Tensor2D {
    const coefficient = this.coefficients.get(name);
    if (!coefficient) return y;
    const nothing = customGrad<Tensor2D>((...inputs) => {
      const save = inputs.pop() as unknown as (tensors: Tensor[]) => void;
      save(saved);
      return {
        value: zeros(y.shape) as Tensor2D,
        gradFunc: (dy: Tensor2D, kept: Tensor[]) => tidy(() => derive(dy, kept)) as Scalar,
      };
    });
    return add(y, nothing(this.variableOf(coefficient)));
  }

  private vectorOf(weight: Weight): Tensor1D {
    return this.delta.vector(this.change(weight, () => this.ofDelta(weight))) as Tensor1D;
  }

  private change<T extends Matrix | Weight>(of: T, make: () => T): T {
    const found = (this.changes.get(of) as T | undefined) ?? make();
    this.changes.set(of, found);
    return found;
  }

  private ofDelta(weight: Weight): Weight {
    return { ...weight, stored: this.tensors.get(weight.name) ?? weight.stored };
  }
}
