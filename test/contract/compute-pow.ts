/** The contract of `PowCompute`: recorded seals, exact comparison, the first nonce, and refusals with a code. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { cpuUsage } from 'node:process'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex, U64_MAX } from '../../src/protocol/bytes.ts'
import type { PowCompute, PowPace } from '../../src/protocol/ports/compute.ts'
import { codeOf, detached } from '../support/hostile.ts'

interface Recorded {
  block_hash: string
  hotkey: string
  difficulty: string
  nonce: string
  seal: string
}
const vectors = new URL('../vectors/pow-seals.json', import.meta.url)
const recorded = JSON.parse(readFileSync(vectors, 'utf8')) as Recorded[]

const blockHash = Uint8Array.from({ length: 32 }, (_, i) => i)
const alice = fromHex('d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d')
const firstSeal = '0029e0aa79f39ffbdf6d6ce3da04a5917676bdcf5476b2ebfe1e0eb20ef44842'
const none = new Uint8Array(0)

export function powContract(name: string, make: () => PowCompute): void {
  describe(`PowCompute: ${name}`, () => {
    answers(make())
    searches(make())
    replacements(make())
    heads(make())
    refusals(make())
  })
}

function answers(pow: PowCompute): void {
  test.each(recorded)('reproduces and accepts the seal of nonce $nonce that the runtime accepted', (entry) => {
    const [hash, hotkey] = [fromHex(entry.block_hash), fromHex(entry.hotkey)]
    expect(`0x${toHex(pow.seal(hash, hotkey, BigInt(entry.nonce)))}`).toBe(entry.seal)
    const nonces = BigUint64Array.of(BigInt(entry.nonce))
    const difficulties = BigUint64Array.of(BigInt(entry.difficulty))
    expect(pow.verify({ blockHashes: hash, hotkeys: hotkey, nonces, difficulties })).toEqual({
      seals: fromHex(entry.seal),
      meets: Uint8Array.of(1),
    })
  })

  test('reads the nonce little-endian into the hash', () => {
    expect(toHex(pow.seal(blockHash, alice, 0n))).toBe('1f81e5b8ba438ce806bbc6c52aeb671b4ae49b457cb12115c6bd50bd864a61c0')
    expect(toHex(pow.seal(blockHash, alice, 0x0102030405060708n))).toBe('d6e91a4e17e31054905ab1da76e0697303591d742c0826ef901df2c1642ee6fc')
  })

  test('compares seal times difficulty with 2^256 exactly, and every seal meets 0 and 1', () => {
    const seal = BigInt(`0x${firstSeal}`)
    const largest = (2n ** 256n - 1n) / seal
    const difficulties = BigUint64Array.of(0n, 1n, largest, largest + 1n, U64_MAX)
    const count = difficulties.length
    const repeated = (bytes: Uint8Array): Uint8Array => Uint8Array.from({ length: 32 * count }, (_, i) => bytes[i % 32] ?? 0)
    const batch = { blockHashes: repeated(blockHash), hotkeys: repeated(alice), nonces: new BigUint64Array(count).fill(223n), difficulties }
    expect([...pow.verify(batch).meets]).toEqual([1, 1, 1, 0, 0])
  })

  test('an empty batch has no verdicts', () => {
    const numbers = new BigUint64Array(0)
    expect(pow.verify({ blockHashes: none, hotkeys: none, nonces: numbers, difficulties: numbers })).toEqual({ seals: none, meets: none })
  })
}

function searches(pow: PowCompute): void {
  test('every backend finds the first nonce from the start, whatever the number of threads', async () => {
    expect(pow.backends().length).toBeGreaterThan(0)
    for (const backend of pow.backends()) {
      for (const threads of [1, 3]) {
        const found = await pow.solve({ blockHash, hotkey: alice, difficulty: 1_000n, start: 0n, backend, threads })
        expect([backend, found.nonce, toHex(found.seal)]).toEqual([backend, 223n, firstSeal])
        expect(found.hashes).toBeGreaterThanOrEqual(224)
      }
    }
  })

  test('without a start it begins somewhere else each time', async () => {
    const one = await pow.solve({ blockHash, hotkey: alice, difficulty: 0n })
    const other = await pow.solve({ blockHash, hotkey: alice, difficulty: 0n })
    expect(one.nonce).not.toBe(other.nonce)
  })

  test('wraps around after the last nonce', async () => {
    const found = await pow.solve({ blockHash, hotkey: alice, difficulty: 300n, start: U64_MAX })
    expect(pow.seal(blockHash, alice, found.nonce)).toEqual(found.seal)
    expect(found.nonce).toBeLessThan(100_000n)
  })

  test('counts its hashes and stops soon after an abort', async () => {
    const controller = new AbortController()
    let asked = cpuUsage()
    let began = 0
    const progress: number[] = []
    const running = pow.solve(
      { blockHash, hotkey: alice, difficulty: U64_MAX, start: 0n },
      {
        signal: controller.signal,
        onProgress: (done) => {
          progress.push(done)
          if (progress.length < 2) return
          asked = cpuUsage()
          began = performance.now()
          controller.abort()
        },
      },
    )
    expect(await codeOf(() => running)).toBe('NATIVE_CANCELLED')
    process.stdout.write(`a search ended ${(performance.now() - began).toFixed(1)} ms after the abort\n`)
    // 50 ms of each core; what others take from them in the meantime does not count.
    const { user, system } = cpuUsage(asked)
    expect((user + system) / 1_000).toBeLessThan(50 * availableParallelism())
    expect(progress[0]).toBeGreaterThan(0)
    expect(progress[1]).toBeGreaterThan(progress[0] ?? 0)
  })

  test('a search that was aborted before it began does not begin', async () => {
    const signal = AbortSignal.abort()
    expect(await codeOf(() => pow.solve({ blockHash, hotkey: alice, difficulty: U64_MAX }, { signal }))).toBe('NATIVE_CANCELLED')
  })
}

function replacements(pow: PowCompute): void {
  test('a search goes on with a newer block, and says which challenge it solved', async () => {
    const search = pow.search({ blockHash: alice, hotkey: alice, difficulty: U64_MAX, start: 0n })
    const next = { blockHash, hotkey: alice, difficulty: 1_000n, start: 0n }
    expect(search.replace(next)).toBe(true)
    const found = await search.result
    expect([found.nonce, toHex(found.seal), found.challenge]).toEqual([223n, firstSeal, next])
    expect(search.replace(next)).toBe(false)
  })

  test('a cancelled search rejects with NATIVE_CANCELLED', async () => {
    const search = pow.search({ blockHash, hotkey: alice, difficulty: U64_MAX, start: 0n })
    search.cancel()
    expect(await codeOf(() => search.result)).toBe('NATIVE_CANCELLED')
    expect(await codeOf(() => search.replace({ blockHash: none, hotkey: alice, difficulty: 1n }))).toBe('NATIVE_ARGUMENT')
  })

  test('gives up with POW_EXHAUSTED after exactly `count` nonces', async () => {
    const challenge = { blockHash, hotkey: alice, difficulty: 1_000n, start: 0n }
    expect(await codeOf(() => pow.solve({ ...challenge, count: 223n }))).toBe('POW_EXHAUSTED')
    expect((await pow.solve({ ...challenge, count: 224n })).nonce).toBe(223n)
  })

  test('tells hashes, rate, and the time that the difficulty takes at that rate', async () => {
    const paces: PowPace[] = []
    const search = pow.search(
      { blockHash, hotkey: alice, difficulty: U64_MAX, start: 0n },
      { onPace: (pace) => (paces.push(pace) === 3 ? search.cancel() : undefined) },
    )
    expect(await codeOf(() => search.result)).toBe('NATIVE_CANCELLED')
    expect(paces[2]?.hashes).toBeGreaterThan(paces[0]?.hashes ?? Infinity)
    expect((paces[2]?.hashesPerSecond ?? 0) * (paces[2]?.expectedSeconds ?? 0)).toBeCloseTo(Number(U64_MAX), -10)
  })
}

function heads(pow: PowCompute): void {
  test('heads are the first eight bytes of each seal on every backend, across the last nonce', () => {
    for (const start of [0n, 2n ** 32n - 3n, U64_MAX - 2n]) {
      const seals = Array.from({ length: 40 }, (_, i) => pow.seal(blockHash, alice, (start + BigInt(i)) & U64_MAX))
      const expected = BigUint64Array.from(seals, (seal) => Buffer.from(seal).readBigUInt64BE())
      for (const backend of pow.backends())
        expect(pow.heads({ blockHash, hotkey: alice, difficulty: 0n, start, count: 40n, backend })).toEqual(expected)
    }
  })

  test('refuses 65,537 heads and an unknown backend', async () => {
    const wanted = { blockHash, hotkey: alice, difficulty: 0n, start: 0n }
    expect(await codeOf(() => pow.heads({ ...wanted, count: 65_537n }))).toBe('POW_BATCH_TOO_LARGE')
    expect(await codeOf(() => pow.heads({ ...wanted, backend: 'abacus' }))).toBe('POW_BACKEND_UNAVAILABLE')
  })
}

function refusals(pow: PowCompute): void {
  const good = { blockHashes: blockHash, hotkeys: alice, nonces: BigUint64Array.of(1n), difficulties: BigUint64Array.of(1n) }
  const wrongSeals: [string, unknown[]][] = [
    ['31 bytes of hash', [blockHash.subarray(1), alice, 0n]],
    ['33 bytes of hotkey', [blockHash, new Uint8Array(33), 0n]],
    ['a detached hash', [detached(32), alice, 0n]],
    ['a text', ['0'.repeat(32), alice, 0n]],
    ['shared memory', [new Uint8Array(new SharedArrayBuffer(32)), alice, 0n]],
    ['a number as nonce', [blockHash, alice, 5]],
    ['a negative nonce', [blockHash, alice, -1n]],
    ['a nonce of 65 bits', [blockHash, alice, 2n ** 64n]],
    ['nothing', []],
  ]
  test.each(wrongSeals)('refuses to hash with %s', async (_, args) => {
    expect(await codeOf(() => pow.seal(...(args as Parameters<PowCompute['seal']>)))).toBe('NATIVE_ARGUMENT')
  })

  const wrongBatches: [string, object | null, string][] = [
    ['no batch', null, 'NATIVE_ARGUMENT'],
    ['an empty object', {}, 'NATIVE_ARGUMENT'],
    ['numbers of 32 bits', { ...good, nonces: Uint32Array.of(1, 2) }, 'NATIVE_ARGUMENT'],
    ['a column too short', { ...good, hotkeys: alice.subarray(1) }, 'POW_BATCH_SHAPE'],
    ['a detached column', { ...good, blockHashes: detached(32) }, 'POW_BATCH_SHAPE'],
    ['a missing difficulty', { ...good, difficulties: new BigUint64Array(0) }, 'POW_BATCH_SHAPE'],
    ['65,537 entries', { ...good, nonces: new BigUint64Array(65_537) }, 'POW_BATCH_TOO_LARGE'],
  ]
  test.each(wrongBatches)('refuses a batch with %s', async (_, batch, code) => {
    expect(await codeOf(() => pow.verify(batch as never))).toBe(code)
  })

  const challenge = { blockHash, hotkey: alice, difficulty: 1n }
  const wrongChallenges: [string, object | null, string][] = [
    ['nothing', null, 'NATIVE_ARGUMENT'],
    ['a short hash', { ...challenge, blockHash: none }, 'NATIVE_ARGUMENT'],
    ['a difficulty of 65 bits', { ...challenge, difficulty: 2n ** 64n }, 'NATIVE_ARGUMENT'],
    ['a negative start', { ...challenge, start: -1n }, 'NATIVE_ARGUMENT'],
    ['no threads', { ...challenge, threads: 0 }, 'NATIVE_ARGUMENT'],
    ['half a thread', { ...challenge, threads: 0.5 }, 'NATIVE_ARGUMENT'],
    ['too many threads', { ...challenge, threads: 1_025 }, 'NATIVE_ARGUMENT'],
    ['2^32 + 1 threads', { ...challenge, threads: 2 ** 32 + 1 }, 'NATIVE_ARGUMENT'],
    ['a negative count', { ...challenge, count: -1n }, 'NATIVE_ARGUMENT'],
    ['an unknown backend', { ...challenge, backend: 'abacus' }, 'POW_BACKEND_UNAVAILABLE'],
    ['a number as backend', { ...challenge, backend: 7 }, 'NATIVE_ARGUMENT'],
  ]
  test.each(wrongChallenges)('refuses to search with %s', async (_, wrong, code) => {
    expect(await codeOf(() => pow.solve(wrong as never))).toBe(code)
  })
}
