/** A product is believed when it is one, whatever its rounding, and refused when a single element is not. */
import { describe, expect, test } from 'vitest'
import { checkProduct, type ProductShape } from '../../../../src/native/gpu/product-check.ts'
import type { Stored } from '../../../../src/native/gpu/factor.ts'
import { rng, testSeed } from '../../../support/random.ts'

type Dtype = NonNullable<ProductShape['dtype']>

/** Rounds to f16 or bf16 bits by cutting; exact for what the tests feed it. */
function bitsOf(dtype: 'f16' | 'bf16', value: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  if (dtype === 'bf16') return bits >>> 16
  const [sign, exponent, fraction] = [(bits >>> 16) & 0x8000, (bits >>> 23) & 255, (bits >>> 13) & 1_023]
  return exponent < 113 ? sign : sign | ((exponent - 112) << 10) | fraction
}

function valueOf(dtype: Dtype, stored: Stored, at: number): number {
  const bits = stored[at] ?? NaN
  if (dtype === 'f32' || dtype === 'int8') return bits
  if (dtype === 'bf16') return new DataView(Uint32Array.of(bits << 16).buffer).getFloat32(0, true)
  const exponent = (bits >> 10) & 31
  return (bits & 0x8000 ? -1 : 1) * (exponent === 0 ? (bits & 1_023) * 2 ** -24 : (1 + (bits & 1_023) / 1_024) * 2 ** (exponent - 15))
}

function store(dtype: Dtype, values: number[]): Stored {
  if (dtype === 'int8') return Int8Array.from(values, (value) => Math.round(value * 127))
  return dtype === 'f32' ? Float32Array.from(values) : Uint16Array.from(values, (value) => bitsOf(dtype, value))
}

/** The product by its words, each sum rounded to f32 after every term, as the simplest device does it. */
type FullShape = { [Name in keyof ProductShape]-?: NonNullable<ProductShape[Name]> }
function multiply(shape: FullShape, a: Stored, b: Stored): Float32Array | Int32Array {
  const { m, k, n, batch, dtype, transposeA, transposeB } = shape
  const c = new (dtype === 'int8' ? Int32Array : Float32Array)(batch * m * n)
  for (let at = 0; at < c.length; at++) {
    const [index, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
    let sum = 0
    for (let l = 0; l < k; l++) {
      const left = valueOf(dtype, a, index * m * k + (transposeA ? l * m + i : i * k + l))
      const right = valueOf(dtype, b, index * k * n + (transposeB ? j * k + l : l * n + j))
      sum = Math.fround(sum + left * right)
    }
    c[at] = sum
  }
  return c
}

const random = rng(testSeed())
/** Numbers in [-1, 1). */
const signed = (length: number): number[] => Array.from({ length }, () => random.int(2 ** 24) / 2 ** 23 - 1)

const dtypes: Dtype[] = ['f32', 'f16', 'bf16', 'int8']
const forms = dtypes.flatMap((dtype) =>
  [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ dtype, transposeA, transposeB }))),
)

describe.each(forms)('$dtype, transposed $transposeA and $transposeB', (form) => {
  const shape = { m: 13, k: 70, n: 9, batch: 3, ...form }
  const a = store(form.dtype, signed(shape.batch * shape.m * shape.k))
  const b = store(form.dtype, signed(shape.batch * shape.k * shape.n))
  const c = multiply(shape, a, b)

  test('believes the product', async () => {
    expect(await checkProduct(shape, a, b, c)).toBe('right')
  })

  test('refuses any single element that is off by a thousandth of the largest', async () => {
    const off = form.dtype === 'int8' ? 1 : Math.max(...Array.from(c, Math.abs)) / 1_000
    for (let at = 0; at < c.length; at++) {
      const wrong = c.slice()
      wrong[at] = (wrong[at] ?? 0) + off
      expect(await checkProduct(shape, a, b, wrong), `element ${at}`).toBe('wrong')
    }
  })

  test('refuses zeros, exchanged rows and what is no number', async () => {
    expect(
      await checkProduct(
        shape,
        a,
        b,
        c.map(() => 0),
      ),
    ).toBe('wrong')
    const exchanged = c.slice()
    exchanged.set(c.subarray(0, shape.n), shape.n)
    exchanged.set(c.subarray(shape.n, 2 * shape.n), 0)
    expect(await checkProduct(shape, a, b, exchanged)).toBe('wrong')
    if (c instanceof Int32Array) return
    for (const value of [NaN, Infinity, -Infinity]) {
      const wrong = c.slice()
      wrong[5] = value
      expect(await checkProduct(shape, a, b, wrong)).toBe('wrong')
    }
  })
})

test('believes sums whose every rounding goes the same way', async () => {
  const shape = { m: 4, k: 5_000, n: 6, batch: 1, dtype: 'f32' as const, transposeA: false, transposeB: false }
  for (const [left, right] of [
    [0.1, 0.1],
    [1 / 3, 3e-5],
    [1, 2 ** -24],
  ] as const) {
    const a = new Float32Array(shape.m * shape.k).fill(left)
    const b = new Float32Array(shape.k * shape.n).fill(right)
    expect(await checkProduct(shape, a, b, multiply(shape, a, b)), `${left} times ${right}`).toBe('right')
  }
})

test('believes columns of very different sizes, and denormal products flushed to zero', async () => {
  const shape = { m: 5, k: 40, n: 7, batch: 1, dtype: 'f32' as const, transposeA: false, transposeB: false }
  const a = Float32Array.from(signed(200))
  const b = Float32Array.from(signed(280), (value, at) => value * 10 ** (3 * (at % 7)))
  expect(await checkProduct(shape, a, b, multiply(shape, a, b))).toBe('right')
  const tiny = a.map((value) => value * 1e-25)
  const small = Float32Array.from(signed(280), (value) => value * 1e-18)
  expect(await checkProduct(shape, tiny, small, new Float32Array(35))).toBe('right')
})

test('says that it does not know where a sum may leave f32', async () => {
  const shape = { m: 2, k: 2, n: 2, dtype: 'f32' as const }
  const [one, c] = [new Float32Array(4).fill(1), new Float32Array(4).fill(2)]
  for (const value of [NaN, Infinity, 3e38]) {
    const odd = Float32Array.of(1, value, 1, 1)
    expect(await checkProduct(shape, odd, one, c)).toBe('unknown')
    expect(await checkProduct(shape, one, odd, c)).toBe('unknown')
  }
  const long = new Int8Array(2 ** 17)
  expect(await checkProduct({ m: 1, k: 2 ** 17, n: 1, dtype: 'int8' }, long, long, new Int32Array(1))).toBe('unknown')
})
