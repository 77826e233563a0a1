/** Logarithms that give the same bits on every machine (mixture.md 2.1): + - * / only, in this order. */

const view = new DataView(new ArrayBuffer(8))

/** log2 of a normal positive binary64. */
export function exactLog2(x: number): number {
  view.setFloat64(0, x)
  let e = ((view.getUint16(0) >> 4) & 0x7ff) - 1023
  view.setUint16(0, (view.getUint16(0) & 0x800f) | (1023 << 4))
  let m = view.getFloat64(0)
  if (m > Math.SQRT2) {
    m /= 2
    e += 1
  }
  const s = (m - 1) / (m + 1)
  const z = s * s
  let p = 1 / 21
  for (let k = 9; k >= 0; k--) p = p * z + 1 / (2 * k + 1)
  return e + s * p * (2 * Math.LOG2E)
}

/** ln of a normal positive binary64. */
export const exactLn = (x: number): number => exactLog2(x) * Math.LN2
