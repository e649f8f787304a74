// An engine's products with low-rank terms added: what the operations of a decoder run on while it is trained.

import type { Runtime } from "../../nn/ops/runtime.js";
import type { Cache, CacheShape, Matrix, Weight } from "../../nn/ops/specs.js";
import {
  add,
  div,
  keep,
  matMul,
  mul,
  slice,
  sqrt,
  sub,
  sum,
  type Tensor1D,
  type Tensor2D,
  tensor,
  tensor1d,
  tensor2d,
  tidy,
  transpose,
  type Variable,
  variable,
} from "../../nn/tensorflowCore.js";
import { dropoutMask, dropoutState } from "../training/random.js";
import type { Parameter, RowNorms, Term } from "./terms.js";

export interface Dropout {
  readonly rate: number;
  readonly seed: number;
}

export class AdaptedRuntime implements Runtime {
  readonly base: Runtime;
  private readonly terms: ReadonlyMap<string, Term>;
  readonly dropout: Dropout;
  private readonly norms: RowNorms;
  private readonly lengths = new Map<Term, Tensor1D>();
  private readonly plain = new Map<Matrix, Matrix>();
  private readonly squares = new Map<Term, Tensor1D>();
  /** Of those parameters that gradients are taken of here. */
  private readonly variables = new Map<Parameter, Variable>();
  private place: number | undefined;

  constructor(base: Runtime, terms: readonly Term[], dropout: Dropout, norms: RowNorms) {
    this.base = base;
    this.terms = new Map(terms.map((term) => [term.module.weightName, term]));
    this.dropout = dropout;
    this.norms = norms;
  }

  /** What is computed from here on: the micro-batch's number since the start, which keys dropout; none: nothing is dropped. */
  begin(place: number | undefined): void {
    this.place = place;
  }

  /** Brings what the optimiser changed into the variables. */
  refresh(): void {
    for (const length of this.lengths.values()) length.dispose();
    this.lengths.clear();
    for (const [{ values, shape }, target] of this.variables) {
      const fresh = tensor(values.slice(), [...shape], "float32");
      target.assign(fresh);
      fresh.dispose();
    }
  }

  /** A parameter as a variable of TensorFlow.js, made when it is first asked for. */
  variableOf(parameter: Parameter): Variable {
    let found = this.variables.get(parameter);
    if (!found) {
      const first = tensor(parameter.values.slice(), [...parameter.shape], "float32");
      found = variable(first, true);
      first.dispose();
      this.variables.set(parameter, found);
    }
    return found;
  }

  /** The term of a matrix, if it has one. */
  termOf({ weight }: Matrix): Term | undefined {
    return this.terms.get(weight.name);
  }

  get allTerms(): Iterable<Term> {
    return this.terms.values();
  }

  /** Of the generator that says what a term's inputs lose now. */
  dropState({ index }: Term): number {
    return dropoutState(this.dropout.seed, this.place as number, index);
  }

  /** Whether something is dropped out now. */
  get drops(): boolean {
    return this.dropout.rate > 0 && this.place !== undefined;
  }

  /** x W^T + scale (drop(x) A^T) B^T + bias (Hu et al. 2021); with a magnitude, as `directed` has it. */
  linear(x: Tensor2D, matrix: Matrix, variants?: Int32Array): Tensor2D {
    const term = this.termOf(matrix);
    if (!term) return this.base.linear(x, matrix, variants);
    return tidy(() => {
      const input = this.drops ? mul<Tensor2D>(x, this.mask(x, term)) : x;
      const b = rowsOf(this.variableOf(term.b) as Tensor2D, matrix);
      const low = matMul(matMul(input, this.variableOf(term.a) as Tensor2D, false, true), b, false, true);
      const added = mul<Tensor2D>(low, term.scale);
      if (!term.magnitude) return add<Tensor2D>(this.base.linear(x, matrix, variants), added);
      return this.directed(x, input, added, matrix, term);
    });
  }

  vector(weight: Weight, variants?: Int32Array) {
    return this.base.vector(weight, variants);
  }

  gather(table: Weight, ids: Int32Array, variants?: Int32Array): Tensor2D {
    return this.base.gather(table, ids, variants);
  }

  createCache(shape: CacheShape): Cache {
    return this.base.createCache(shape);
  }

  /** Frees the terms; the engine's own runtime stays. */
  dispose(): void {
    for (const tensor of [...this.lengths.values(), ...this.squares.values()]) tensor.dispose();
    for (const each of this.variables.values()) each.dispose();
    this.variables.clear();
    this.lengths.clear();
    this.squares.clear();
  }

  /**
   * DoRA (Liu et al. 2024, eq. 5): m / c (x W^T + added) + bias, c = the lengths of the rows of W + scale B A, through which
   * no gradient goes (section 4.3). With dropout the whole of the difference sees what was not dropped, as in PEFT.
   */
  private directed(x: Tensor2D, input: Tensor2D, added: Tensor2D, matrix: Matrix, term: Term): Tensor2D {
    const bare = this.withoutBias(matrix);
    const magnitude = this.variableOf(term.magnitude as Parameter) as unknown as Tensor1D;
    const whole = div(magnitude, this.lengthOf(term));
    const share = rowsOf1(whole as Tensor1D, matrix);
    const base = this.base.linear(x, bare);
    const dropped = input === x ? base : this.base.linear(input, bare);
    const scaled = mul<Tensor2D>(add<Tensor2D>(dropped, added), share);
    const y = input === x ? scaled : add<Tensor2D>(scaled, sub<Tensor2D>(base, dropped));
    return matrix.bias ? add<Tensor2D>(y, this.base.vector(matrix.bias)) : y;
  }

  private mask(x: Tensor2D, { index }: Term): Tensor2D {
    const { rate, seed } = this.dropout;
    return tensor2d(dropoutMask(x.size, rate, seed, this.place as number, index), x.shape);
  }

  /**
   * Lengths of the rows of W + s B A without making it: the square is |w|^2 + 2 s b (W A^T) + s^2 b (A A^T) b^T, so that one
   * product with W per module and step is enough. Not part of any gradient.
   */
  private lengthOf(term: Term): Tensor1D {
    let found = this.lengths.get(term);
    if (!found) {
      const { a, b, scale, module } = term;
      const rank = a.shape[0] as number;
      found = tidy(() => {
        // fresh tensors: what is computed of them is no function of the variables
        const right = tensor2d(a.values.slice(), [rank, module.in]);
        const left = tensor2d(b.values.slice(), [module.out, rank]);
        const cross = sum(mul(left, transpose(this.base.linear(right, module.matrix))), 1);
        const own = sum(mul(matMul(left, matMul(right, right, false, true)), left), 1);
        const squares = add(add(this.squareOf(term), mul(cross, 2 * scale)), mul(own, scale * scale));
        return sqrt(squares) as Tensor1D;
      });
      found = keep(found);
      this.lengths.set(term, found);
    }
    return found;
  }

  private squareOf(term: Term): Tensor1D {
    let found = this.squares.get(term);
    if (!found) {
      found = keep(tensor1d(this.norms(term.module).map((norm) => norm * norm)));
      this.squares.set(term, found);
    }
    return found;
  }

  private withoutBias(matrix: Matrix): Matrix {
    if (!matrix.bias) return matrix;
    let found = this.plain.get(matrix);
    if (!found) {
      found = { ...matrix, bias: undefined };
      this.plain.set(matrix, found);
    }
    return found;
  }
}

/** Of a matrix that is a part of its module: those rows of B. */
function rowsOf(b: Tensor2D, { weight: { rows } }: Matrix): Tensor2D {
  return rows ? slice(b, [rows[0], 0], [rows[1] - rows[0], b.shape[1]]) : b;
}

function rowsOf1(values: Tensor1D, { weight: { rows } }: Matrix): Tensor1D {
  return rows ? slice(values, [rows[0]], [rows[1] - rows[0]]) : values;
}
