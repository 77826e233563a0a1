/** The contract of `MixtureCompute` (mixture.md 2, 3, 4.1, 5.3, 6.1): distributions, commitments, contributions, refusals. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { blake3 } from '../../src/protocol/hash.ts'
import type { GameInput, MixtureCompute, RevealInput } from '../../src/protocol/ports/compute.ts'
import { LEAF_BYTES } from '../../src/protocol/ports/compute.ts'
import { leaves, text } from '../support/games.ts'

const withCode = (code: string) => expect.objectContaining({ code })
const queryId = new Uint8Array(16).fill(3)
const hotkey = new Uint8Array(32).fill(4)
const salt = new Uint8Array(32).fill(5)

const constant = (length: number, claim: number): Uint16Array => new Uint16Array(length).fill(claim)
const game = (peers: (Uint16Array | null)[], change: Partial<GameInput> = {}): GameInput => ({
  length: 16,
  spans: 1,
  fallback: constant(16, 8_000),
  peers,
  ...change,
})

/** An honest answer to a span of `length` positions, opened at `positions`. */
function honest(mixture: MixtureCompute, length: number, positions: number[]): RevealInput {
  const all = leaves(length, length)
  const span = text(length + 1, length)
  const visible = all.slice(0, -LEAF_BYTES)
  const claims = mixture.claims(visible, span.slice(0, -1))
  const { root, commit } = mixture.commit({ queryId, hotkey, leaves: all, claims, salt })
  const opened = new Uint8Array(positions.length * LEAF_BYTES)
  positions.forEach((t, i) => opened.set(all.subarray(t * LEAF_BYTES, (t + 1) * LEAF_BYTES), i * LEAF_BYTES))
  const asked = Uint16Array.from(positions)
  const lastLeaf = all.slice(-LEAF_BYTES)
  return {
    commit,
    queryId,
    hotkey,
    root,
    salt,
    lastLeaf,
    claims,
    span,
    positions: asked,
    leaves: opened,
    paths: mixture.paths(visible, asked),
  }
}

const flipped = (bytes: Uint8Array, at = 0): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

function leafContract(make: () => MixtureCompute): void {
  test('any 256 bytes decode to a distribution in which nothing costs more than 20 bits', () => {
    for (const leaf of [leaves(1, 20), new Uint8Array(256), new Uint8Array(256).fill(255)]) {
      const p = make().decode(leaf)
      for (let at = 0; at < p.length; at += LEAF_BYTES) {
        const row = p.subarray(at, at + LEAF_BYTES)
        expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
        expect(Math.min(...row)).toBeGreaterThanOrEqual(2 ** -20)
      }
    }
  })

  test('a claim is the cost of the decoded byte in 4096ths of a nat', () => {
    const [given, bytes] = [leaves(2, 50), text(3, 50)]
    const p = make().decode(given)
    const claims = make().claims(given, bytes)
    bytes.forEach((byte, t) => expect(claims[t]).toBe(Math.floor(4_096 * -Math.log(p[t * LEAF_BYTES + byte]!) + 0.5)))
    expect(Math.max(...claims)).toBeLessThanOrEqual(56_783)
  })

  test('claims and distributions are those of the test vector, to the last bit', () => {
    const vector = JSON.parse(readFileSync(new URL('../vectors/mixture-claims.json', import.meta.url), 'utf8'))
    const claims = make().claims(leaves(9, 512), text(10, 512))
    const bytes = new Uint8Array(claims.buffer, claims.byteOffset, claims.byteLength)
    expect(Buffer.from(blake3(bytes)).toString('hex')).toBe(vector.claims)
    const decoded = make().decode(leaves(9, 512))
    expect(Buffer.from(blake3(new Uint8Array(decoded.buffer))).toString('hex')).toBe(vector.decoded)
  })

  test('writes rows where the caller wants them, and only where rows alone can be', () => {
    const mixture = make()
    const [given, ntds] = [leaves(4, 3), mixture.ntdEncode(leaves(5, 3), 0.9, 8)]
    const [into, again] = [new Float64Array(768).fill(7), new Float64Array(768).fill(7)]
    expect(mixture.decode(given, into)).toBe(into)
    expect(into).toEqual(mixture.decode(given))
    expect(mixture.ntdDecode(ntds, given, again)).toBe(again)
    expect(again).toEqual(mixture.ntdDecode(ntds, given))
    const whole = new Float64Array(1_000)
    const within = new Uint8Array(whole.buffer, 0, 768)
    const refused: [Uint8Array, Float64Array][] = [
      [given, new Float64Array(767)],
      [given, new Float64Array(new SharedArrayBuffer(768 * 8))],
      [given, new Float32Array(768) as unknown as Float64Array],
      [within, whole.subarray(0, 768)],
    ]
    for (const [from, bad] of refused) {
      expect(() => mixture.decode(from, bad)).toThrow(withCode('NATIVE_ARGUMENT'))
      expect(() => mixture.ntdDecode(ntds, from, bad)).toThrow(withCode('NATIVE_ARGUMENT'))
    }
    const kept = again.slice()
    expect(() => mixture.ntdDecode(ntds.slice(1), given, again)).toThrow(withCode('MIXTURE_NTD_MALFORMED'))
    expect(again).toEqual(kept)
  })

  test('encodes log-probabilities whether they are normalised or not', () => {
    const ln = Float32Array.from({ length: LEAF_BYTES }, (_, y) => -y / 20)
    const shifted = ln.map((value) => value + 7)
    expect(make().encode(shifted)).toEqual(make().encode(ln))
    const p = make().decode(make().encode(ln))
    expect(Math.log(p[0]! / p[40]!)).toBeCloseTo(2, 1)
    expect(make().encode(new Float32Array(LEAF_BYTES))).toEqual(new Uint8Array(LEAF_BYTES).fill(89))
    const sure = new Float32Array(LEAF_BYTES).fill(-Infinity)
    sure[7] = 0
    expect([...make().encode(sure).subarray(6, 9)]).toEqual([255, 0, 255])
  })

  test('refuses broken leaves, rows and sizes', () => {
    const mixture = make()
    expect(() => mixture.claims(new Uint8Array(255), new Uint8Array(1))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => mixture.claims(new Uint8Array(256), new Uint8Array(2))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => mixture.decode(new Uint8Array(16_385 * 256))).toThrow(withCode('MIXTURE_TOO_LARGE'))
    expect(() => mixture.encode(new Float32Array(256).fill(Number.NaN))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => mixture.encode(new Float32Array(256).fill(-Infinity))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => mixture.encode(new Float32Array(256).fill(Infinity))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => mixture.encode(new Float32Array(100))).toThrow(withCode('MIXTURE_ARGUMENT'))
  })
}

function revealContract(make: () => MixtureCompute): void {
  test.each([2, 3, 5, 64, 256, 257])('an honest reveal of %i positions passes', (length) => {
    const positions = [0, length - 2, Math.floor(length / 2) - 1, 0].filter((t) => t >= 0)
    const reveal = honest(make(), length, positions)
    const sealed = make().claims(reveal.lastLeaf, reveal.span.slice(-1))[0]
    expect(make().checkReveal(reveal)).toEqual({ status: 'ok', lastClaim: sealed })
  })

  test.each<[string, string, (good: RevealInput) => Partial<RevealInput>]>([
    ['another root', 'commit', ({ root }) => ({ root: flipped(root) })],
    ['another salt', 'commit', ({ salt }) => ({ salt: flipped(salt) })],
    ['another last leaf', 'commit', ({ lastLeaf }) => ({ lastLeaf: flipped(lastLeaf) })],
    ['another query', 'commit', ({ queryId }) => ({ queryId: flipped(queryId) })],
    ['another hotkey', 'commit', ({ hotkey }) => ({ hotkey: flipped(hotkey) })],
    ['a changed claim', 'commit', ({ claims }) => ({ claims: claims.map((claim, i) => (i === 40 ? claim + 1 : claim)) })],
    ['a changed leaf', 'path', ({ leaves }) => ({ leaves: flipped(leaves, 300) })],
    ['a changed path', 'path', ({ paths }) => ({ paths: paths.map((path, i) => (i === 1 ? flipped(path, 33) : path)) })],
    ['leaves in another order', 'path', ({ leaves }) => ({ leaves: Uint8Array.from([...leaves.slice(256), ...leaves.slice(0, 256)]) })],
    ['a short root', 'shape', ({ root }) => ({ root: root.slice(1) })],
    ['a short salt', 'shape', ({ salt }) => ({ salt: salt.slice(1) })],
    ['a claim too many', 'shape', ({ claims }) => ({ claims: Uint16Array.of(...claims, 1) })],
    ['a leaf too few', 'shape', ({ leaves }) => ({ leaves: leaves.slice(256) })],
    ['a broken leaf', 'shape', ({ leaves }) => ({ leaves: leaves.slice(1) })],
    ['a path too few', 'shape', ({ paths }) => ({ paths: paths.slice(1) })],
    ['a short path', 'shape', ({ paths }) => ({ paths: paths.map((path) => path.slice(32)) })],
    ['no last leaf', 'shape', () => ({ lastLeaf: new Uint8Array(0) })],
  ])('finds %s', (_, status, change) => {
    const good = honest(make(), 64, [3, 9, 62])
    expect(make().checkReveal({ ...good, ...change(good) }).status).toBe(status)
  })

  test('finds a claim that its opened leaf does not make', () => {
    const mixture = make()
    const good = honest(mixture, 64, [8])
    const claims = good.claims.map((claim, t) => (t === 8 ? claim ^ 1 : claim))
    const { root, commit } = mixture.commit({ queryId, hotkey, leaves: leaves(64, 64), claims, salt })
    expect(mixture.checkReveal({ ...good, claims, root, commit }).status).toBe('claim')
  })

  test('throws for what is no fault of the peer', () => {
    const good = honest(make(), 64, [8])
    const refused: [string, Partial<RevealInput>][] = [
      ['MIXTURE_ARGUMENT', { positions: Uint16Array.of(63) }],
      ['MIXTURE_ARGUMENT', { queryId: new Uint8Array(15) }],
      ['MIXTURE_ARGUMENT', { hotkey: new Uint8Array(31) }],
      ['MIXTURE_ARGUMENT', { span: new Uint8Array(1) }],
      ['MIXTURE_TOO_LARGE', { span: new Uint8Array(4_097) }],
      ['MIXTURE_TOO_LARGE', { positions: new Uint16Array(17) }],
    ]
    for (const [code, change] of refused) expect(() => make().checkReveal({ ...good, ...change })).toThrow(withCode(code))
  })

  test('refuses to commit to what is no span', () => {
    const claims = new Uint16Array(3)
    const input = { queryId, hotkey, leaves: leaves(1, 4), claims, salt }
    expect(make().commit(input).root).toHaveLength(32)
    expect(() => make().commit({ ...input, claims: new Uint16Array(4) })).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => make().commit({ ...input, salt: new Uint8Array(4) })).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => make().commit({ ...input, leaves: leaves(1, 1) })).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => make().commit({ ...input, leaves: new Uint8Array(256 * 4_097) })).toThrow(withCode('MIXTURE_TOO_LARGE'))
    expect(() => make().paths(leaves(1, 4), Uint16Array.of(4))).toThrow(withCode('MIXTURE_ARGUMENT'))
  })
}

function gameContract(make: () => MixtureCompute): void {
  test('one player earns exactly what it saves', async () => {
    const { phi, all, none } = await make().shapley(game([constant(16, 2_000)]))
    expect(none).toBeCloseTo((-8_000 / 4_096) * Math.LOG2E, 3)
    expect(Number(phi[0]) / 2 ** 32).toBeCloseTo(all - none, 9)
    expect(all).toBeGreaterThan(none)
  })

  test('an expert that knows everything, alone, still shares the first byte with the fallback', async () => {
    const { all } = await make().shapley(game([constant(16, 0)]))
    expect(-16 * all).toBeGreaterThan(0.8)
    expect(-16 * all).toBeLessThan(1.2)
  })

  test('equal players earn the same, a failed one nothing', async () => {
    const { phi } = await make().shapley(game([constant(16, 3_000), null, constant(16, 3_000)]))
    expect(phi[0]).toBe(phi[2])
    expect(phi[1]).toBe(0n)
  })

  test('garbage loses', async () => {
    const { phi } = await make().shapley(game([constant(16, 3_000), constant(16, 56_783)]))
    expect(phi[1]).toBeLessThan(0n)
  })

  test('members of a cluster share its slot and leave an outsider what it had', async () => {
    const [a, b] = [constant(16, 3_000), constant(16, 3_500)]
    const alone = await make().shapley(game([a, b]))
    const cloned = await make().shapley(game([a, b, b, b], { clusters: Uint16Array.of(0, 1, 1, 1) }))
    const symmetric = await make().shapley(game([a, b, b, b]))
    const loss = (phi: BigInt64Array): number => Math.abs(Number(phi[0]) - Number(alone.phi[0]))
    expect(cloned.phi[1]).toBe(cloned.phi[3])
    expect(loss(cloned.phi)).toBeLessThan(loss(symmetric.phi))
  })

  test('a follower does not play, and is paid by coalitions', async () => {
    const [a, b] = [constant(16, 3_000), constant(16, 2_500)]
    const played = game([a, b, a], { independents: Uint8Array.of(1, 1, 0) })
    const { phi, all, none } = await make().shapley(played)
    expect(phi[2]).toBe(0n)
    const [empty, independents, withCopy] = make().values(played, Uint32Array.of(0, 0b011, 0b111))
    expect([empty, independents]).toEqual([none, all])
    expect(Math.abs(withCopy! - all)).toBeLessThan(0.2)
  })

  test('no players make a game of the fallback alone', async () => {
    const { phi, all, none } = await make().shapley(game([]))
    expect(phi).toHaveLength(0)
    expect(all).toBe(none)
  })

  test('reports bits per byte of all, of each and of the plain mean', () => {
    const report = make().report(game([constant(16, 4_096), null]))
    expect(report.fallback).toBeCloseTo((8_000 / 4_096) * Math.LOG2E, 12)
    expect([...report.single]).toEqual([expect.closeTo(Math.LOG2E, 12), Number.NaN])
    expect(report.uniform).toBeCloseTo(-Math.log2((Math.exp(-1) + Math.exp(-8_000 / 4_096)) / 2), 12)
    expect(report.network).toBeGreaterThan(report.single[0]!)
    expect(report.network).toBeLessThan(report.uniform)
  })

  test.each<[string, string, Partial<GameInput>]>([
    ['no position', 'MIXTURE_ARGUMENT', { length: 0 }],
    ['positions that are no multiple of 16', 'MIXTURE_ARGUMENT', { length: 15 }],
    ['a span that is too long', 'MIXTURE_TOO_LARGE', { length: 8_192 }],
    ['too many positions', 'MIXTURE_TOO_LARGE', { length: 4_096, spans: 17 }],
    ['seventeen players', 'MIXTURE_TOO_LARGE', { peers: Array.from({ length: 17 }, () => null) }],
    ['missing claims', 'MIXTURE_ARGUMENT', { peers: [new Uint16Array(15)] }],
    ['missing claims of the fallback', 'MIXTURE_ARGUMENT', { fallback: new Uint16Array(17) }],
    ['a cluster too many', 'MIXTURE_ARGUMENT', { clusters: Uint16Array.of(0, 1) }],
  ])('refuses %s', async (_, code, change) => {
    const bad = game([constant(16, 1)], change)
    await expect(make().shapley(bad)).rejects.toThrow(withCode(code))
    expect(() => make().report(bad)).toThrow(withCode(code))
    expect(() => make().values(bad, new Uint32Array(0))).toThrow(withCode(code))
  })

  test('refuses coalitions of strangers', () => {
    expect(() => make().values(game([null]), Uint32Array.of(2))).toThrow(withCode('MIXTURE_ARGUMENT'))
    expect(() => make().values(game([null]), new Uint32Array(1_025))).toThrow(withCode('MIXTURE_TOO_LARGE'))
  })

  test('a game whose signal is aborted is not played', async () => {
    const signal = AbortSignal.abort()
    await expect(make().shapley(game([constant(16, 1)]), { signal })).rejects.toThrow(withCode('NATIVE_CANCELLED'))
  })
}

function ntdContract(make: () => MixtureCompute): void {
  test('lists the fewest bytes that reach the mass asked for', () => {
    const leaf = make().encode(Float32Array.from({ length: LEAF_BYTES }, (_, y) => -y / 8))
    const ntd = make().ntdEncode(leaf, 0.5, 64)
    const p = make().decode(leaf)
    const listed = Array.from({ length: ntd[0]! }, (_, i) => p[ntd[1 + 2 * i]!]!)
    const sum = listed.reduce((total, value) => total + value, 0)
    expect(ntd).toHaveLength(2 + 2 * listed.length)
    expect(sum).toBeGreaterThanOrEqual(0.5)
    expect(sum - Math.min(...listed)).toBeLessThan(0.5)
    expect(make().ntdEncode(leaf, 1, 5)[0]).toBe(5)
  })

  test('decodes to distributions near the encoded ones, the rest spread by the fallback', () => {
    const [given, fallback] = [leaves(5, 12), leaves(6, 12)]
    const [p, exact] = [make().ntdDecode(make().ntdEncode(given, 0.95, 64), fallback), make().decode(given)]
    for (let at = 0; at < p.length; at += LEAF_BYTES) {
      const row = p.subarray(at, at + LEAF_BYTES)
      const best = exact.subarray(at, at + LEAF_BYTES).indexOf(Math.max(...exact.subarray(at, at + LEAF_BYTES)))
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
      expect(Math.abs(Math.log(row[best]! / exact[at + best]!))).toBeLessThan(0.75)
    }
  })

  test.each<[string, number[]]>([
    ['nothing', []],
    ['one too few', [1, 5, 0, 9]],
    ['one too many', [1, 5, 0, 9, 0, 0, 0, 0]],
    ['bytes that do not increase', [2, 5, 0, 5, 0, 9, 0, 0]],
    ['more than 64 bytes', [65, ...Array.from({ length: 131 }, () => 0)]],
    ['a cut-off list', [3, 5, 0, 6]],
    ['a missing residual', [0, 0, 1, 5, 0]],
  ])('refuses %s', (_, bytes) => {
    expect(() => make().ntdDecode(Uint8Array.from(bytes), new Uint8Array(512))).toThrow(withCode('MIXTURE_NTD_MALFORMED'))
  })

  test('refuses a mass or a length that cannot be', () => {
    for (const [topP, nMax] of [
      [0, 8],
      [1.1, 8],
      [Number.NaN, 8],
      [0.5, 0],
      [0.5, 65],
    ] as const)
      expect(() => make().ntdEncode(leaves(1, 1), topP, nMax)).toThrow(withCode('MIXTURE_ARGUMENT'))
  })
}

export function mixtureContract(name: string, make: () => MixtureCompute): void {
  describe(`MixtureCompute: ${name}, leaves`, () => {
    leafContract(make)
  })
  describe(`MixtureCompute: ${name}, reveals`, () => {
    revealContract(make)
  })
  describe(`MixtureCompute: ${name}, games`, () => {
    gameContract(make)
  })
  describe(`MixtureCompute: ${name}, short forms`, () => {
    ntdContract(make)
  })
}
