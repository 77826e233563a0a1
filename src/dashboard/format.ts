/** Numbers as people read them. */

/** τ of a decimal string in rao, with `places` decimals. */
export function tau(rao: string, places = 3): string {
  const value = BigInt(rao)
  const unit = 10n ** BigInt(9 - places)
  const rounded = (value + unit / 2n) / unit
  const text = rounded.toString().padStart(places + 1, '0')
  const whole = text.slice(0, text.length - places).replaceAll(/\B(?=(\d{3})+$)/g, ' ')
  return places === 0 ? whole : `${whole}.${text.slice(-places)}`
}

/** A u16 of 0..65535 as a share. */
export const share = (u16: number): string => (u16 / 65_535).toFixed(4)

export const short = (text: string): string => (text.length > 14 ? `${text.slice(0, 6)}…${text.slice(-5)}` : text)

export const time = (ms: number): string => new Date(ms).toLocaleTimeString(undefined, { hour12: false })

export const bits = (value: number): string => value.toFixed(3)

const prefixes: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

/** What to divide by, and the unit then: 1.8e7 H/s are shown as 18 MH/s, 0.0125 s as 12.5 ms. */
export function scaleOf(value: number, unit: string): [number, string] {
  if (unit === 's') return value < 1 ? [1e-3, 'ms'] : [1, 's']
  const [size, prefix] = prefixes.find(([least]) => value >= least) ?? [1, '']
  // 1/s with a prefix reads as M/s.
  return [size, `${prefix}${unit.replace(/^1\//, '/')}`]
}

/** A measured value with its unit. */
export function figure(value: number, unit: string): string {
  const [size, scaled] = scaleOf(value, unit)
  return `${(value / size).toFixed(2)} ${scaled}`
}
