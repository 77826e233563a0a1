/** Seals and steps that are bound to a challenge: honest work passes, anything else is found. */
import { describe, expect, test } from 'vitest'
import { checkSeals, detection } from '../../../src/lab/bench/seal-check.ts'
import { measureSeals, sealTarget } from '../../../src/lab/bench/seal-search.ts'
import { checkCodecs } from '../../../src/lab/bench/codecs.ts'
import { measurePeers } from '../../../src/lab/bench/mixture-peers.ts'
import { stepKinds } from '../../../src/lab/bench/step-kinds.ts'
import { checkSteps, measureSteps, type Step } from '../../../src/lab/bench/steps.ts'
import { loadAddon } from '../../../src/native/addon.ts'
import type { ModelSpec } from '../../../src/protocol/ports/compute.ts'
import { benchContext, claimOf, computeWith, seedOf } from '../../support/bench.ts'

const compute = loadAddon()

describe('seals', () => {
  /** A real search of so many seals, and the claim whose rate is exactly what they amount to. */
  const searched = async (count: number) => {
    const [seed, difficulty] = [seedOf('seals'), 500n]
    const target = { ...sealTarget(seed, 'portable'), backend: 'portable', threads: 1, difficulty }
    const nonces: string[] = []
    for (let start = 0n; nonces.length < count;) {
      const { nonce } = await compute.pow.solve({ ...target, start })
      nonces.push(String(nonce))
      start = nonce + 1n
    }
    const proof = { kind: 'seals' as const, metric: 'pow.hashrate' as const, backend: 'portable' as string, difficulty: String(difficulty) }
    const { metric } = await measureSeals(benchContext({ seconds: 0.3, backend: 'portable' }), 'portable')
    const claim = { ...claimOf(metric), seconds: 1, value: count * Number(difficulty) }
    return { claim, proof: { ...proof, nonces }, seed }
  }

  test('an honest search passes, and its seals prove most of the hashes', async () => {
    const { claim, proof, seed } = await searched(200)
    const { wrong, hashes } = checkSeals(compute.pow, proof, claim, seed)
    expect(wrong).toBeNull()
    expect(hashes / claim.value).toBeGreaterThan(0.85)
    expect(hashes / claim.value).toBeLessThan(1)
  })

  test('what is measured for a verifier are seals of its challenge, each once', async () => {
    const context = benchContext({ seconds: 1, backend: 'portable' })
    const { metric, proof } = await measureSeals(context, 'portable')
    if (proof?.kind !== 'seals') throw new Error('there is no proof')
    // How many a second finds is chance; that they are as many as they amount to is not.
    const claim = claimOf(metric)
    const value = (proof.nonces.length * Number(proof.difficulty)) / claim.seconds
    expect(checkSeals(compute.pow, proof, { ...claim, value }, context.seed).wrong).toBeNull()
    expect(proof.nonces.length).toBeGreaterThan(0)
  })

  test('a foreign, repeated or missing seal, another challenge or solver, or a doubled rate is found', async () => {
    const { claim, proof, seed } = await searched(200)
    const [first = '0', ...rest] = proof.nonces
    const wrongOf = (over: Partial<typeof proof>, claimed = claim, challenge = seed): string | null =>
      checkSeals(compute.pow, { ...proof, ...over }, claimed, challenge).wrong
    expect(wrongOf({ nonces: [String(BigInt(first) + 1n), ...rest] })).toMatch(/misses the difficulty/)
    expect(wrongOf({ nonces: [...proof.nonces, first] })).toMatch(/twice/)
    expect(wrongOf({ nonces: proof.nonces.slice(proof.nonces.length / 2) })).toMatch(/seals, where/)
    expect(wrongOf({ difficulty: String(2n * BigInt(proof.difficulty)) })).toMatch(/misses/)
    expect(wrongOf({ difficulty: '0' })).toMatch(/range/)
    expect(wrongOf({ backend: 'avx512' })).toMatch(/misses/)
    expect(wrongOf({}, { ...claim, value: 2 * claim.value })).toMatch(/seals, where/)
    expect(wrongOf({}, { ...claim, seconds: 2 * claim.seconds })).toMatch(/seals, where/)
    expect(wrongOf({}, claim, seedOf('another'))).toMatch(/misses/)
  })

  test('the stated probability is the frequency with which an inflated rate is found', () => {
    // Poisson counts by exponential waiting times, from a fixed seed.
    let state = 12_345
    const uniform = (): number => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) + 0.5) / 2 ** 32
    const poisson = (mean: number): number => {
      let count = -1
      for (let time = 0; time < mean; count++) time -= Math.log(uniform())
      return count
    }
    for (const [expected, factor] of [
      [400, 1.2],
      [1_000, 1.2],
      [100, 1.5],
      [1_000, 1],
    ] as const) {
      let found = 0
      for (let i = 0; i < 4_000; i++) if (poisson(expected / factor) < expected - 3 * Math.sqrt(expected)) found++
      expect(Math.abs(found / 4_000 - detection(expected, factor)), `${expected} seals, ${factor}`).toBeLessThan(0.03)
    }
    expect(detection(1_000, 1.2)).toBeGreaterThan(0.95)
    expect(detection(1_000, 1)).toBeLessThan(0.002)
  })
})

describe('steps', () => {
  const seed = seedOf('challenge')
  const expert = ['expert.train.exact', 'expert.score.exact', 'expert.generate.exact']
  const small = ['pow.verify', 'consensus.epoch.256x256', 'mixture.shapley.8x2048', 'mixture.codec', ...expert]
  const kind = (metric: string, by = compute): Step => {
    const step = stepKinds(by, seed, 2).get(metric)
    if (step === undefined) throw new Error(`no ${metric}`)
    return step
  }

  test.each(small)('%s: honest steps pass', async (metric) => {
    const { metric: claim, proof } = await measureSteps(benchContext({ seed }), kind(metric), null)
    if (proof?.kind !== 'steps') throw new Error('there is no proof')
    const { wrong, detail } = await checkSteps({ seed }, kind(metric), claimOf(claim), proof)
    expect([wrong, detail]).toEqual([null, expect.stringMatching(/^\d+ of \d+ steps done again$/)])
  })

  test('are checked in the first round, on the input that is timed first, and say so; what is left to the verifier says that', async () => {
    const step = kind('pow.verify')
    const [timed, seen]: [Uint8Array[], Uint8Array[]] = [[], []]
    const watched: Step = { ...step, prepare: (link) => (timed.push(link), step.prepare(link)) }
    const check = (link: Uint8Array): number => seen.push(link)
    const first = await measureSteps(benchContext({ prove: false }), watched, check)
    const later = await measureSteps(benchContext({ prove: false, round: 1 }), watched, check)
    expect(seen).toEqual(timed.slice(0, 1))
    expect([first, later].map(({ metric }) => metric.checked)).toEqual([true, true])
    expect((await measureSteps(benchContext(), step, null)).metric.checked).toBe(false)
  })

  test('work done once and told often, a changed chain, or another challenge is found', async () => {
    const step = kind('consensus.epoch.256x256')
    let kept: unknown
    const once: Step = {
      ...step,
      async prepare(link) {
        const run = await step.prepare(link)
        return () => (kept ??= run())
      },
    }
    const lazy = await measureSteps(benchContext({ seed }), once, null)
    const honest = await measureSteps(benchContext({ seed }), step, null)
    if (lazy.proof?.kind !== 'steps' || honest.proof?.kind !== 'steps') throw new Error('there is no proof')
    const wrongOf = async (proof: { links: string }, claim = honest.metric, challenge = seed): Promise<string | null> =>
      (await checkSteps({ seed: challenge }, step, claimOf(claim), { kind: 'steps', metric: step.metric, ...proof })).wrong
    expect(await wrongOf(honest.proof)).toBeNull()
    expect(await wrongOf(lazy.proof, lazy.metric)).toMatch(/another result/)
    const links = Buffer.from(honest.proof.links, 'base64')
    links.fill(7, links.length / 2)
    expect(await wrongOf({ links: links.toString('base64') })).toMatch(/another result/)
    expect(await wrongOf(honest.proof, { ...honest.metric, repetitions: honest.metric.repetitions + 1 })).toMatch(/as many links/)
    expect(await wrongOf(honest.proof, honest.metric, seedOf('another'))).toMatch(/does not begin/)
  })

  test('training in the fast mode, where the exact one was asked for, is found', async () => {
    const { expert } = compute
    const fast: typeof expert = { ...expert, model: (spec, from) => expert.model({ ...spec, exact: false } as ModelSpec, from) }
    const { metric, proof } = await measureSteps(benchContext({ seed }), kind('expert.train.exact', computeWith({ expert: fast })), null)
    if (proof?.kind !== 'steps') throw new Error('there is no proof')
    const { wrong } = await checkSteps({ seed }, kind('expert.train.exact'), claimOf(metric), proof)
    expect(wrong).toMatch(/another result/)
  })
})

test('peers are judged as a validator does it, honest and lying ones, before they are timed', async () => {
  const { metric } = await measurePeers(benchContext())
  expect(metric).toMatchObject({ metric: 'mixture.peers', unit: '1/min', threads: 1, checked: true })
  expect(metric.value).toBeGreaterThan(60)
})

test.each([
  ['opens what it committed to', { mixture: { ...compute.mixture, checkReveal: () => ({ status: 'ok', lastClaim: 0 }) as const } }],
  ['is signed by its peer', { signature: { ...compute.signature, verify: () => true } }],
])('no peer is timed by code that does not look whether an answer %s', async (_, over) => {
  await expect(measurePeers(benchContext({ compute: computeWith(over) }))).rejects.toMatchObject({ code: 'LAB_BENCH_WRONG' })
})

test.each(['claims', 'decode', 'encode', 'ntdEncode', 'ntdDecode'] as const)('no codec is timed whose %s is wrong by a bit', (name) => {
  const spoil = (...args: unknown[]): ArrayBufferView => {
    const coded = Reflect.apply(compute.mixture[name], compute.mixture, args)
    const bytes = new Uint8Array(coded.buffer, coded.byteOffset, coded.byteLength)
    bytes.set([(bytes.at(-1) ?? 0) ^ 1], bytes.length - 1)
    return coded
  }
  const wrong = computeWith({ mixture: { ...compute.mixture, [name]: spoil } })
  expect(() => checkCodecs({ compute, seed: seedOf('codecs') })).not.toThrow()
  expect(() => checkCodecs({ compute: wrong, seed: seedOf('codecs') })).toThrow(expect.objectContaining({ code: 'LAB_BENCH_WRONG' }))
})
