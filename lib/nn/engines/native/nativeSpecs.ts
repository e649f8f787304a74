// The operations of a decoder as the addon takes them: the same numbers, weights as places in open files.

import type {
  NativeAttend,
  NativeDecoder,
  NativeEmbed,
  NativeHead,
  NativeMatrix,
  NativeMlp,
  NativeNorm,
  NativeOutput,
  NativeProject,
  NativeWeight,
} from "../../../addon/nativeRuntime.js";
import type {
  AttendSpec,
  EmbedSpec,
  HeadSpec,
  Matrix,
  MlpSpec,
  Norm,
  OutputSpec,
  ProjectSpec,
  StepSpec,
  Weight,
} from "../../ops/specs.js";
import { IN_NO_FILE } from "../../virtual/virtualCheckpoint.js";

/** A weight of a virtual merge. */
function made(name: string, shape: readonly number[], dtype: string, firstRow: number): NativeWeight {
  const [first, second] = shape as [number, number | undefined];
  const rows = second === undefined ? 1 : first;
  return { name, made: true, firstRow, file: 0, dtype, offset: 0, rows, cols: second ?? first };
}

/** `fileOf`: the addon's number of one of the checkpoint's files. */
export class NativeSpecs {
  readonly #fileOf: (file: number) => number;

  constructor(fileOf: (file: number) => number) {
    this.#fileOf = fileOf;
  }

  weight({ name, shape, stored, rows }: Weight): NativeWeight {
    if (stored.file === IN_NO_FILE) return made(name, shape, stored.dtype, rows?.[0] ?? 0);
    const rowBytes = stored.bytes / (stored.shape[0] as number);
    const [first, second] = shape as [number, number | undefined];
    return {
      name,
      file: this.#fileOf(stored.file),
      dtype: stored.dtype,
      offset: stored.offset + (rows ? rows[0] * rowBytes : 0),
      rows: second === undefined ? 1 : first,
      cols: second ?? first,
    };
  }

  matrix({ weight, layout, bias }: Matrix): NativeMatrix {
    return { weight: this.weight(weight), inMajor: layout === "in-out", bias: bias && this.weight(bias) };
  }

  embed({ table, positions, scale }: EmbedSpec): NativeEmbed {
    return { table: this.weight(table), positions: positions && this.weight(positions), scale };
  }

  project({ norm, matrices }: ProjectSpec): NativeProject {
    return { norm: norm && this.#norm(norm), matrices: matrices.map((matrix) => this.matrix(matrix)) };
  }

  attend({ queryNorm, keyNorm, ...numbers }: AttendSpec): NativeAttend {
    return {
      ...numbers,
      queryNorm: queryNorm && this.#norm(queryNorm),
      keyNorm: keyNorm && this.#norm(keyNorm),
    };
  }

  output({ matrix, postNorm }: OutputSpec): NativeOutput {
    return { matrix: this.matrix(matrix), postNorm: postNorm && this.#norm(postNorm) };
  }

  mlp({ norm, gate, up, down, activation, postNorm }: MlpSpec): NativeMlp {
    return {
      norm: this.#norm(norm),
      gate: gate && this.matrix(gate),
      up: this.matrix(up),
      down: this.matrix(down),
      activation,
      postNorm: postNorm && this.#norm(postNorm),
    };
  }

  head({ norm, matrix, softcap }: HeadSpec): NativeHead {
    return { norm: this.#norm(norm), matrix: this.matrix(matrix), softcap };
  }

  decoder({ embed, layers, head }: StepSpec): NativeDecoder {
    return {
      embed: this.embed(embed),
      layers: layers.map(({ project, attend, output, mlp }) => ({
        project: this.project(project),
        attend: this.attend(attend),
        output: this.output(output),
        mlp: this.mlp(mlp),
      })),
      head: this.head(head),
    };
  }

  #norm({ kind, weight, bias, epsilon, plusOne }: Norm): NativeNorm {
    return { kind, weight: this.weight(weight), bias: bias && this.weight(bias), epsilon, plusOne };
  }
}
