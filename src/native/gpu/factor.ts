/** One factor of a product as numbers: what a stored type's bits mean, and the sums over rows and columns that checks need. */
import type { Dtype, Factors } from '../../protocol/ports/compute.ts'

/** Values of the 65,536 bit patterns, made on first use: a table is faster than arithmetic and stays in the cache. */
const tables: { f16?: Float32Array; bf16?: Float32Array } = {}

function halfValue(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1_023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1_024) * 2 ** (exponent - 15)
}

function f16Table(): Float32Array {
  return (tables.f16 ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfValue(bits)))
}

function bf16Table(): Float32Array {
  tables.bf16 ??= new Float32Array(Uint32Array.from({ length: 65_536 }, (_, bits) => bits << 16).buffer)
  return tables.bf16
}

export type Stored = Factors[Dtype]

/** Copies `count` stored numbers from `at` on into `into`, as the numbers they are. */
export function readNumbers(dtype: Dtype, stored: Stored, at: number, count: number, into: Float64Array): void {
  if (dtype === 'f32' || dtype === 'int8') {
    for (let i = 0; i < count; i++) into[i] = stored[at + i] ?? 0
    return
  }
  const table = dtype === 'f16' ? f16Table() : bf16Table()
  for (let i = 0; i < count; i++) into[i] = table[stored[at + i] ?? 0] ?? 0
}

/** One matrix of a batch: `rows` x `columns` as used in the product, stored the other way round when `transposed`. */
export interface Factor {
  dtype: Dtype
  stored: Stored
  /** Index of its first number. */
  at: number
  rows: number
  columns: number
  transposed: boolean
}

/** Multiply-adds between two looks at the event loop, about a millisecond. */
const TURN = 2 ** 20

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Calls `visit` with each stored line (a row, or a column when transposed), in turns. The line's buffer is used again. */
async function eachLine(factor: Factor, visit: (line: Float64Array, index: number) => void): Promise<void> {
  const { rows, columns, transposed, dtype, stored, at } = factor
  const [lines, length] = transposed ? [columns, rows] : [rows, columns]
  const line = new Float64Array(length)
  for (let i = 0, work = 0; i < lines; i++, work += length) {
    if (work >= TURN) {
      work = 0
      await nextTurn()
    }
    readNumbers(dtype, stored, at + i * length, length, line)
    visit(line, i)
  }
}

/** factor · x and the Euclidean norm of each row, in binary64. */
export async function timesVector(factor: Factor, x: Float64Array): Promise<{ product: Float64Array; norms: Float64Array }> {
  const product = new Float64Array(factor.rows)
  const norms = new Float64Array(factor.rows)
  const byRow = (line: Float64Array, row: number): void => {
    let [sum, squares] = [0, 0]
    for (let j = 0; j < line.length; j++) {
      const value = line[j] ?? 0
      sum += value * (x[j] ?? 0)
      squares += value * value
    }
    product[row] = sum
    norms[row] = squares
  }
  const byColumn = (line: Float64Array, column: number): void => {
    const weight = x[column] ?? 0
    for (let i = 0; i < line.length; i++) {
      const value = line[i] ?? 0
      product[i] = (product[i] ?? 0) + value * weight
      norms[i] = (norms[i] ?? 0) + value * value
    }
  }
  await eachLine(factor, factor.transposed ? byColumn : byRow)
  for (let i = 0; i < norms.length; i++) norms[i] = Math.sqrt(norms[i] ?? 0)
  return { product, norms }
}

/** Row `row` of the factor. */
export function readRow(factor: Factor, row: number): Float64Array {
  const { rows, columns, transposed, dtype, stored, at } = factor
  const line = new Float64Array(columns)
  if (!transposed) readNumbers(dtype, stored, at + row * columns, columns, line)
  else {
    const one = new Float64Array(1)
    for (let j = 0; j < columns; j++) {
      readNumbers(dtype, stored, at + j * rows + row, 1, one)
      line[j] = one[0] ?? 0
    }
  }
  return line
}

/** For a row vector `left`: left · factor and |left| · |factor|, both of `columns` numbers in binary64. */
export async function vectorTimes(left: Float64Array, factor: Factor): Promise<{ product: Float64Array; bound: Float64Array }> {
  const product = new Float64Array(factor.columns)
  const bound = new Float64Array(factor.columns)
  const add = (index: number, term: number): void => {
    product[index] = (product[index] ?? 0) + term
    bound[index] = (bound[index] ?? 0) + Math.abs(term)
  }
  await eachLine(factor, (line, index) => {
    if (factor.transposed) for (let i = 0; i < line.length; i++) add(index, (left[i] ?? 0) * (line[i] ?? 0))
    else {
      const weight = left[index] ?? 0
      for (let j = 0; j < line.length; j++) add(j, weight * (line[j] ?? 0))
    }
  })
  return { product, bound }
}
