// The native engine's side of the operations: each is made once from its spec, over the checkpoint's mapped files, and
// then runs on the arrays of tensors.

import type { NativeRuntime, NativeTerm, NativeVirtualTensor } from "../../../addon/nativeRuntime.js";
import type { Addon } from "../../../addon/surface.js";
import type { StoredFile } from "../../../checkpoint/types.js";
import type { Runtime } from "../../ops/runtime.js";
import type {
  AttendSpec,
  Cache,
  CacheShape,
  DecoderSpec,
  EmbedSpec,
  HeadSpec,
  Matrix,
  MlpSpec,
  OutputSpec,
  ProjectSpec,
  Rows,
  StepSpec,
  Weight,
} from "../../ops/specs.js";
import { customGrad, keep, type Tensor1D, type Tensor2D, type TensorInfo, tensor1d } from "../../tensorflowCore.js";
import type { CacheElements, Precision } from "../engineTypes.js";
import { calling } from "./calling.js";
import { currentBackend, tensorOf } from "./nativeBackend.js";
import { NativeSpecs } from "./nativeSpecs.js";
import { PagedCache, paged } from "./pagedCache.js";

/** Of each layer, and of the head. */
export interface NativeTraining {
  readonly layers: readonly {
    readonly project: ReturnType<NativeRuntime["trainProject"]>;
    readonly attend: ReturnType<NativeRuntime["trainAttend"]>;
    readonly output: ReturnType<NativeRuntime["trainOutput"]>;
    readonly mlp: ReturnType<NativeRuntime["trainMlp"]>;
  }[];
  readonly head: ReturnType<NativeRuntime["trainHead"]>;
}

export class KernelRuntime implements Runtime {
  readonly target: string;
  readonly threads: number;
  readonly #native: NativeRuntime;
  readonly #files: readonly StoredFile[];
  readonly #cache: CacheElements;
  readonly #opened = new Map<number, number>();
  readonly #specs = new NativeSpecs((file) => this.#fileOf(file));
  /** What was made of a spec, by the spec; forward and backward products apart. */
  readonly #made = new Map<object, unknown>();
  readonly #backward = new Map<object, (dy: Float32Array, dx: Float32Array) => void>();
  readonly #vectors = new Map<string, Tensor1D>();
  #rows: Rows | undefined;
  #logits = new Float32Array(0);
  readonly #index = new Int32Array(1);

  /**
   * `files`: those of the checkpoint that the weights are stored in.
   * @throws RetemperError OUT_OF_MEMORY when the system refuses a thread
   */
  constructor(
    addon: Pick<Addon, "openRuntime">,
    files: readonly StoredFile[],
    {
      cache,
      ...options
    }: {
      readonly threads: number;
      readonly precision: Precision;
      readonly cache?: CacheElements;
      readonly copiesFiles?: boolean;
    },
  ) {
    this.#native = calling(() => addon.openRuntime(options));
    this.#cache = cache ?? options.precision;
    this.#files = files;
    this.target = this.#native.target;
    this.threads = this.#native.threads;
  }

  /** Opens a merge whose weights lie in no file; gives how each tensor is evaluated. Before `prepare`. */
  openMerge(...args: Parameters<NativeRuntime["openMerge"]>): readonly NativeVirtualTensor[] {
    return calling(() => this.#native.openMerge(...args));
  }

  /** Adds a variant to the merge, or puts another one in the place of one that was added. */
  setVariant(...args: Parameters<NativeRuntime["setVariant"]>): void {
    calling(() => this.#native.setVariant(...args));
  }

  /** Makes all operations of a decoder now, so that files are mapped and checked before the first step. */
  prepare(spec: StepSpec): void {
    this.#decoder(spec);
  }

  embed(spec: EmbedSpec, rows: Rows): TensorInfo {
    // Every step begins here, so its rows are taken anew even if their object is the one of the step before.
    this.#rows = undefined;
    this.#step(rows);
    const { info, values } = currentBackend().output([rows.ids.length, spec.table.shape[1] as number]);
    calling(() => this.#embed(spec)(values));
    return info;
  }

  project(spec: ProjectSpec, x: TensorInfo, rows: Rows): TensorInfo {
    return this.#run(x, widthOf(spec), rows, (from, to) => this.#project(spec)(from, to));
  }

  attend(spec: AttendSpec, x: TensorInfo, rows: Rows, cache: PagedCache): TensorInfo {
    const width = spec.heads * spec.headDim;
    return this.#run(x, width, rows, (from, to) => this.#attend(spec)(from, cache.id, to));
  }

  output(spec: OutputSpec, x: TensorInfo, residual: TensorInfo, rows: Rows): TensorInfo {
    const rest = currentBackend().valuesOf(residual);
    return this.#run(x, spec.matrix.out, rows, (from, to) => this.#output(spec)(from, rest, to));
  }

  mlp(spec: MlpSpec, x: TensorInfo, rows: Rows): TensorInfo {
    return this.#run(x, spec.down.out, rows, (from, to) => this.#mlp(spec)(from, to));
  }

  /** The result's array is the runtime's own: it is valid until the next call. */
  head(spec: HeadSpec, x: TensorInfo, rows: Rows, wanted: Int32Array): TensorInfo {
    this.#step(rows);
    const backend = currentBackend();
    const logits = this.#logitsOf(spec, wanted);
    calling(() => this.#head(spec)(backend.valuesOf(x), wanted, logits));
    return backend.over(logits, [wanted.length, spec.matrix.out]);
  }

  step(spec: StepSpec, rows: Rows, cache: Cache, wanted: Int32Array): Float32Array {
    this.#rows = undefined;
    this.#step(rows);
    const { id } = paged(cache);
    const logits = this.#logitsOf(spec.head, wanted);
    calling(() => this.#decoder(spec)(id, wanted, logits));
    return logits;
  }

  /** The lowest index of the greatest value; NaN is never it. */
  argMax(values: Float32Array): number {
    calling(() => this.#native.argMax(values, this.#index));
    return this.#index[0] as number;
  }

  /** Differentiable with respect to x: dx = dy W. */
  linear(x: Tensor2D, matrix: Matrix): Tensor2D {
    const product = customGrad<Tensor2D>((input) => ({
      value: this.#product(input as Tensor2D, matrix.out, this.#linear(matrix)),
      gradFunc: (dy: Tensor2D) => this.#product(dy, matrix.in, this.#linearBackward(matrix)),
    }));
    return product(x);
  }

  vector(weight: Weight): Tensor1D {
    const key = weight.rows ? `${weight.name} ${weight.rows.join(" ")}` : weight.name;
    let found = this.#vectors.get(key);
    if (!found) {
      const values = calling(() => this.#native.vector(this.#specs.weight(weight)));
      found = keep(tensor1d(values, "float32"));
      this.#vectors.set(key, found);
    }
    return found;
  }

  gather(table: Weight, ids: Int32Array): Tensor2D {
    const gather = this.#make(table, () => this.#native.gather(this.#specs.weight(table)));
    const backend = currentBackend();
    const { info, values } = backend.output([ids.length, table.shape[1] as number]);
    calling(() => gather(ids, values));
    return tensorOf(info);
  }

  /** The operations of a decoder as training runs them, with what is trained beside each matrix. */
  training(spec: Pick<DecoderSpec, "layers" | "head">, termOf: (matrix: Matrix) => NativeTerm | null): NativeTraining {
    const native = this.#native;
    return calling(() => ({
      layers: spec.layers.map(({ project, attend, output, mlp }) => ({
        project: native.trainProject(this.#specs.project(project), project.matrices.map(termOf)),
        attend: native.trainAttend(this.#specs.attend(attend)),
        output: native.trainOutput(this.#specs.output(output), [termOf(output.matrix)]),
        mlp: native.trainMlp(
          this.#specs.mlp(mlp),
          (mlp.gate ? [mlp.gate, mlp.up, mlp.down] : [mlp.up, mlp.down]).map(termOf),
        ),
      })),
      head: native.trainHead(this.#specs.head(spec.head)),
    }));
  }

  /** AdamW on the runtime's threads. */
  readonly optimizer: NativeRuntime["optimizer"] = (parameters) => calling(() => this.#native.optimizer(parameters));

  createCache(shape: CacheShape): Cache {
    return calling(() => new PagedCache(this.#native.createCache({ ...shape, elements: this.#cache })));
  }

  dispose(): void {
    for (const vector of this.#vectors.values()) vector.dispose();
    this.#vectors.clear();
    this.#made.clear();
    this.#backward.clear();
    this.#native.close();
  }

  readonly #embed = (spec: EmbedSpec) => this.#make(spec, () => this.#native.embed(this.#specs.embed(spec)));
  readonly #project = (spec: ProjectSpec) => this.#make(spec, () => this.#native.project(this.#specs.project(spec)));
  readonly #attend = (spec: AttendSpec) => this.#make(spec, () => this.#native.attend(this.#specs.attend(spec)));
  readonly #output = (spec: OutputSpec) => this.#make(spec, () => this.#native.output(this.#specs.output(spec)));
  readonly #mlp = (spec: MlpSpec) => this.#make(spec, () => this.#native.mlp(this.#specs.mlp(spec)));
  readonly #head = (spec: HeadSpec) => this.#make(spec, () => this.#native.head(this.#specs.head(spec)));
  readonly #decoder = (spec: StepSpec) => this.#make(spec, () => this.#native.decoder(this.#specs.decoder(spec)));
  readonly #linear = (matrix: Matrix) => this.#make(matrix, () => this.#native.linear(this.#specs.matrix(matrix)));

  #linearBackward(matrix: Matrix): (dy: Float32Array, dx: Float32Array) => void {
    let found = this.#backward.get(matrix);
    if (!found) {
      found = calling(() => this.#native.linearBackward(this.#specs.matrix(matrix)));
      this.#backward.set(matrix, found);
    }
    return found;
  }

  /** An operation on the step's rows, with a result of `width` features. */
  #run(x: TensorInfo, width: number, rows: Rows, body: (x: Float32Array, y: Float32Array) => void): TensorInfo {
    this.#step(rows);
    const backend = currentBackend();
    const { info, values } = backend.output([x.shape[0] as number, width]);
    calling(() => body(backend.valuesOf(x), values));
    return info;
  }

  #logitsOf({ matrix }: HeadSpec, wanted: Int32Array): Float32Array {
    const size = wanted.length * matrix.out;
    if (this.#logits.length < size) this.#logits = new Float32Array(size);
    return this.#logits.subarray(0, size);
  }

  #product(x: Tensor2D, width: number, multiply: (x: Float32Array, y: Float32Array) => void): Tensor2D {
    const backend = currentBackend();
    const { info, values } = backend.output([x.shape[0], width]);
    calling(() => multiply(backend.valuesOf(x), values));
    return tensorOf(info);
  }

  #step(rows: Rows): void {
    if (rows === this.#rows) return;
    calling(() => this.#native.setStep(rows.ids, rows.positions, rows.slots, rows.variants, rows.contexts));
    this.#rows = rows;
  }

  #make<T>(spec: object, make: () => T): T {
    let made = this.#made.get(spec) as T | undefined;
    if (!made) {
      made = calling(make);
      this.#made.set(spec, made);
    }
    return made;
  }

  #fileOf(file: number): number {
    let opened = this.#opened.get(file);
    if (opened === undefined) {
      opened = this.#native.openFile(this.#files[file] as StoredFile);
      this.#opened.set(file, opened);
    }
    return opened;
  }
}

function widthOf({ matrices }: ProjectSpec): number {
  return matrices.reduce((sum, { out }) => sum + out, 0);
}
