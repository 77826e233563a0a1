/** decode, ntdEncode and ntdDecode of mixture.md 2.1 and 2.3 in TypeScript, for tests that need no other part of the mixture. */
import { NodeError } from '../../src/protocol/errors.ts'
import type { MixtureCompute } from '../../src/protocol/ports/compute.ts'

const EPSILON = 2 ** -12
const mixed = (p: number): number => (1 - EPSILON) * p + EPSILON / 256
const code = (p: number): number => (p <= 0 ? 255 : Math.min(255, Math.floor(-16 * Math.log(p) + 0.5)))

function normalised(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => mixed(weight / sum))
}

export const ntdTwin: Pick<MixtureCompute, 'decode' | 'ntdEncode' | 'ntdDecode'> = {
  decode(leaves) {
    const out = new Float64Array(leaves.length)
    for (let at = 0; at < leaves.length; at += 256)
      out.set(normalised(Float64Array.from(leaves.subarray(at, at + 256), (q) => Math.exp(-q / 16))), at)
    return out
  },
  ntdEncode(leaves, topP, nMax) {
    const out: number[] = []
    for (let at = 0; at < leaves.length; at += 256) {
      const p = ntdTwin.decode(leaves.subarray(at, at + 256))
      const order = Array.from(p.keys()).sort((a, b) => (p[b] ?? 0) - (p[a] ?? 0) || a - b)
      const listed: number[] = []
      let mass = 0
      while (listed.length < nMax && mass < topP) {
        const byte = order[listed.length] ?? 0
        listed.push(byte)
        mass += p[byte] ?? 0
      }
      listed.sort((a, b) => a - b)
      out.push(listed.length, ...listed.flatMap((byte) => [byte, code(p[byte] ?? 0)]), code(1 - mass))
    }
    return Uint8Array.from(out)
  },
  ntdDecode(ntds, fallbackLeaves) {
    const out = new Float64Array(fallbackLeaves.length)
    const p0 = ntdTwin.decode(fallbackLeaves)
    let at = 0
    for (let row = 0; row < out.length; row += 256) {
      const count = ntds[at] ?? 255
      if (count > 64 || at + 2 + 2 * count > ntds.length) throw new NodeError('MESSAGE_MALFORMED', { what: 'ntd' })
      const weights = new Float64Array(256)
      let unlisted = 1
      for (let i = 0; i < count; i++) {
        const byte = ntds[at + 1 + 2 * i] ?? 0
        weights[byte] = Math.exp(-(ntds[at + 2 + 2 * i] ?? 0) / 16)
        unlisted -= p0[row + byte] ?? 0
      }
      const residual = Math.exp(-(ntds[at + 1 + 2 * count] ?? 0) / 16)
      for (let y = 0; y < 256; y++) if (weights[y] === 0) weights[y] = (residual * (p0[row + y] ?? 0)) / unlisted
      out.set(normalised(weights), row)
      at += 2 + 2 * count
    }
    if (at !== ntds.length) throw new NodeError('MESSAGE_MALFORMED', { what: 'ntd' })
    return out
  },
}
