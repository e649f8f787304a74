// The nearest matrix of a lower rank to a product of two thin ones, without the product itself.

/** A matrix by its rows. */
export interface Dense {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Columns in float64. */
type Columns = readonly Float64Array[];

/**
 * B' and A' of the same shapes as B [m, r] and A [r, n], whose product is the matrix of rank `rank` nearest to B A (Eckart and
 * Young, Psychometrika 1, 1936): its largest singular values, one in each of the first columns and rows, the others 0. Each
 * singular value is divided between both by its root. `sizes` are all singular values of B A, the largest first.
 *
 * B = Q R and A^T = P S by Gram and Schmidt, twice ("twice is enough": Giraud et al., Numerische Mathematik 101, 2005), then the
 * small R S^T by Jacobi's rotations of its columns (Hestenes, SIAM Journal 6, 1958), in float64.
 */
export function truncatedProduct(
  b: Dense,
  a: Dense,
  rank: number,
): { readonly b: Dense; readonly a: Dense; readonly sizes: readonly number[] } {
  const left = orthogonalised(columnsOf(b));
  const right = orthogonalised(rowsOf(a));
  const r = b.columns;
  // columns of R S^T: sums of those of R
  const core = Array.from({ length: r }, (_, j) => {
    const column = new Float64Array(r);
    for (let k = 0; k < r; k++)
      addTo(column, left.upper[k] as Float64Array, (right.upper[k] as Float64Array)[j] as number);
    return column;
  });
  const { scaled, turned } = rotated(core);
  const bigFirst = scaled.map((column, at) => ({ at, size: norm(column) })).sort((x, y) => y.size - x.size);
  const kept = bigFirst.slice(0, rank).filter(({ size }) => size > 0);
  const [newB, newA] = [new Float32Array(b.rows * r), new Float32Array(r * a.columns)];
  for (const [place, { at, size }] of kept.entries()) {
    const root = Math.sqrt(size);
    const u = combined(left.q, scaled[at] as Float64Array, b.rows);
    const v = combined(right.q, turned[at] as Float64Array, a.columns);
    for (let row = 0; row < b.rows; row++) newB[row * r + place] = (u[row] as number) / root;
    for (let column = 0; column < a.columns; column++) newA[place * a.columns + column] = root * (v[column] as number);
  }
  return { b: { ...b, values: newB }, a: { ...a, values: newA }, sizes: bigFirst.map(({ size }) => size) };
}

function columnsOf({ rows, columns, values }: Dense): Columns {
  return Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => values[i * columns + j] as number),
  );
}

function rowsOf({ rows, columns, values }: Dense): Columns {
  return Array.from({ length: rows }, (_, i) => Float64Array.from(values.subarray(i * columns, (i + 1) * columns)));
}

/** Below this share of its length a column is a sum of those before it. */
const DEPENDENT = 1e-14;

/** X = Q U with orthonormal (or zero) columns of Q, and the columns of the upper triangle U. */
function orthogonalised(columns: Columns): { readonly q: Columns; readonly upper: Columns } {
  const q: Float64Array[] = [];
  const upper = columns.map((column) => {
    const rest = Float64Array.from(column);
    const parts = new Float64Array(columns.length);
    for (let time = 0; time < 2; time++) {
      for (const [k, before] of q.entries()) {
        const part = dot(before, rest);
        parts[k] = (parts[k] as number) + part;
        addTo(rest, before, -part);
      }
    }
    const size = norm(rest);
    const isOwn = size > DEPENDENT * norm(column);
    parts[q.length] = isOwn ? size : 0;
    q.push(isOwn ? rest.map((value) => value / size) : new Float64Array(rest.length));
    return parts;
  });
  return { q, upper };
}

const MOST_SWEEPS = 60;

/** C V with orthogonal columns, and the columns of the orthogonal V. */
function rotated(core: readonly Float64Array[]): { readonly scaled: Columns; readonly turned: Columns } {
  const scaled = core.map((column) => Float64Array.from(column));
  const turned = core.map((_, j) => Float64Array.from(core, (_, i) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let turns = 0;
    for (let i = 0; i < scaled.length; i++) {
      for (let j = i + 1; j < scaled.length; j++) {
        const [x, y] = [scaled[i] as Float64Array, scaled[j] as Float64Array];
        const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
        if (Math.abs(xy) <= Number.EPSILON * Math.sqrt(xx * yy)) continue;
        turns += 1;
        const ratio = (yy - xx) / (2 * xy);
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
        const cosine = 1 / Math.hypot(1, tangent);
        turn(x, y, cosine, cosine * tangent);
        turn(turned[i] as Float64Array, turned[j] as Float64Array, cosine, cosine * tangent);
      }
    }
    if (turns === 0) break;
  }
  return { scaled, turned };
}

function turn(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let at = 0; at < x.length; at++) {
    const [a, b] = [x[at] as number, y[at] as number];
    x[at] = cosine * a - sine * b;
    y[at] = sine * a + cosine * b;
  }
}

function combined(columns: Columns, shares: Float64Array, length: number): Float64Array {
  const sum = new Float64Array(length);
  for (const [k, column] of columns.entries()) addTo(sum, column, shares[k] as number);
  return sum;
}

function addTo(sum: Float64Array, values: Float64Array, times: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + times * (values[at] as number);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}

function norm(values: Float64Array): number {
  return Math.sqrt(dot(values, values));
}
