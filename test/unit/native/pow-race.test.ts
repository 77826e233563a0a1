/** The race: disjoint ranges, first seal wins, who fails or lies is out, a newer block takes over, cancel and exhaustion. */
import { expect, test } from 'vitest'
import { loadAddon } from '../../../src/native/addon.ts'
import { cpuSearcher, powWithDevices, raceSeals, type NonceRange, type SealSearcher } from '../../../src/native/pow-race.ts'
import { U64_MAX } from '../../../src/protocol/bytes.ts'
import { NodeError } from '../../../src/protocol/errors.ts'
import type { PowChallenge, PowPace } from '../../../src/protocol/ports/compute.ts'
import { codeOf } from '../../support/hostile.ts'

const { pow } = loadAddon()
const blockHash = new Uint8Array(32).fill(3)
const hotkey = new Uint8Array(32).fill(4)
const challenge: PowChallenge = { blockHash, hotkey, difficulty: 300_000n, start: 0n, threads: 1 }
const hopeless = { ...challenge, difficulty: U64_MAX }

/** Notes the ranges that it is given and answers as told; without an answer it waits for the abort. */
function scripted(
  name: string,
  answer: (range: NonceRange, turn: number) => bigint | null | NodeError | undefined,
): SealSearcher & { ranges: NonceRange[] } {
  const ranges: NonceRange[] = []
  return {
    name,
    ranges,
    search: (_, range, { signal }) =>
      new Promise((resolve, reject) => {
        const told = answer(range, ranges.push(range) - 1)
        if (told instanceof NodeError) reject(told)
        else if (told !== undefined) resolve(told)
        else if (signal?.aborted === true) reject(new NodeError('NATIVE_CANCELLED'))
        else signal?.addEventListener('abort', () => reject(new NodeError('NATIVE_CANCELLED')), { once: true })
      }),
  }
}

test("two backends of the processor race, and the seal is the definition's", async () => {
  const names = pow.backends()
  const pair = [names[0], names.at(-1)].map((name) => cpuSearcher(pow, name))
  const found = await raceSeals(pair, pow.seal, challenge).result
  expect(pow.seal(blockHash, hotkey, found.nonce)).toEqual(found.seal)
  const batch = {
    blockHashes: blockHash,
    hotkeys: hotkey,
    nonces: BigUint64Array.of(found.nonce),
    difficulties: BigUint64Array.of(challenge.difficulty),
  }
  expect([...pow.verify(batch).meets]).toEqual([1])
  expect(found.challenge).toBe(challenge)
  expect(found.hashes).toBeGreaterThan(0)
})

test('no nonce is handed out twice, and none is left out', async () => {
  const count = 50n << 20n
  const [one, other] = [scripted('one', () => null), scripted('other', () => null)]
  expect(await codeOf(() => raceSeals([one, other], pow.seal, { ...hopeless, start: U64_MAX - 5n, count }).result)).toBe('POW_EXHAUSTED')
  const ranges = [...one.ranges, ...other.ranges].map((range) => ({ ...range, from: BigInt.asUintN(64, range.start - (U64_MAX - 5n)) }))
  ranges.sort((a, b) => (a.from < b.from ? -1 : 1))
  let next = 0n
  for (const range of ranges) {
    expect(range.from).toBe(next)
    next += range.count
  }
  expect(next).toBe(count)
  expect(Math.min(one.ranges.length, other.ranges.length)).toBeGreaterThan(0)
})

test('a wrong seal takes its searcher out with POW_BACKEND_WRONG, and its range goes to another', async () => {
  const liar = scripted('liar', ({ start }) => start)
  expect(await codeOf(() => raceSeals([liar], pow.seal, hopeless).result)).toBe('POW_BACKEND_WRONG')
  expect(liar.ranges).toHaveLength(1)

  const second = scripted('liar', ({ start }) => start)
  const found = await raceSeals([second, cpuSearcher(pow)], pow.seal, { ...challenge, count: 1n << 20n }).result
  const alone = await pow.solve(challenge)
  expect(found.nonce).toBe(alone.nonce)
  expect(second.ranges).toEqual([{ start: 0n, count: 1n << 20n }])
})

test('a device that fails loses nothing: the others take its range; the failure is told when nobody is left', async () => {
  const dead = scripted('dead', () => new NodeError('NATIVE_PANIC', { detail: 'the driver is gone' }))
  const found = await raceSeals([dead, cpuSearcher(pow)], pow.seal, { ...challenge, count: 1n << 20n }).result
  expect(found.nonce).toBe((await pow.solve(challenge)).nonce)
  expect(await codeOf(() => raceSeals([dead], pow.seal, challenge).result)).toBe('NATIVE_PANIC')
})

test('a newer block ends the ranges of the old one and starts on the same searchers', async () => {
  const waiting = scripted('waiting', (_, turn) => (turn === 0 ? undefined : null))
  const race = raceSeals([waiting], pow.seal, hopeless)
  expect(race.replace({ ...hopeless, start: 77n, count: 5n })).toBe(true)
  expect(await codeOf(() => race.result)).toBe('POW_EXHAUSTED')
  expect(waiting.ranges[1]).toEqual({ start: 77n, count: 5n })
  expect(race.replace(challenge)).toBe(false)

  const real = raceSeals([cpuSearcher(pow)], pow.seal, hopeless)
  expect(real.replace(challenge)).toBe(true)
  const found = await real.result
  expect([found.nonce, found.challenge]).toEqual([(await pow.solve(challenge)).nonce, challenge])
})

test('cancel and abort end every searcher', async () => {
  for (const way of ['cancel', 'signal'] as const) {
    const controller = new AbortController()
    const waiting = [scripted('one', () => undefined), scripted('other', () => undefined), cpuSearcher(pow)]
    const race = raceSeals(waiting, pow.seal, hopeless, { signal: controller.signal })
    if (way === 'cancel') race.cancel()
    else controller.abort()
    expect(await codeOf(() => race.result)).toBe('NATIVE_CANCELLED')
  }
  expect(await codeOf(() => raceSeals([cpuSearcher(pow)], pow.seal, hopeless, { signal: AbortSignal.abort() }).result)).toBe(
    'NATIVE_CANCELLED',
  )
})

test('the pace sums all searchers', async () => {
  const counting = (): SealSearcher => ({
    name: 'counting',
    search: (_, __, { signal, onProgress }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new NodeError('NATIVE_CANCELLED')), { once: true })
        setTimeout(() => onProgress?.(1_000, 0), 5)
      }),
  })
  const paces: PowPace[] = []
  const race = raceSeals([counting(), counting()], pow.seal, hopeless, {
    onPace(pace) {
      paces.push(pace)
      if (paces.length === 2) race.cancel()
    },
  })
  expect(await codeOf(() => race.result)).toBe('NATIVE_CANCELLED')
  expect(paces.map(({ hashes }) => hashes)).toEqual([1_000, 2_000])
  for (const { hashesPerSecond, expectedSeconds } of paces) expect((expectedSeconds ?? 0) * hashesPerSecond).toBeCloseTo(2 ** 64, -10)
})

test('devices are backends by name, `all` is the processor with all of them, other names stay with the processor', async () => {
  const device = scripted('fake:0', () => null)
  const both = powWithDevices(pow, [device])
  expect(both.backends()).toEqual([...pow.backends(), 'fake:0'])
  expect(await codeOf(() => both.solve({ ...hopeless, backend: 'fake:0', count: 9n }))).toBe('POW_EXHAUSTED')
  expect(device.ranges).toEqual([{ start: 0n, count: 9n }])
  expect((await both.solve({ ...challenge, backend: 'all' })).nonce).toBeGreaterThan(0n)
  expect(device.ranges.length).toBeGreaterThan(1)
  const before = device.ranges.length
  expect((await both.solve({ ...challenge, backend: 'portable' })).nonce).toBe((await pow.solve(challenge)).nonce)
  expect(await codeOf(() => both.solve({ ...challenge, backend: 'abacus' }))).toBe('POW_BACKEND_UNAVAILABLE')
  expect(device.ranges).toHaveLength(before)
})
