/** Seal hashing beside Python's hashlib, which runs in a process of its own and is asked for a batch at a time. */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { powReference } from '../src/native/reference/pow.ts'
import { u64le } from '../src/protocol/bytes.ts'

const { pow } = loadAddon()
const COUNT = 4_096
const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0)

describe.skipIf(python === undefined)('hashlib (needs Python)', () => {
  let child: ChildProcessByStdio<Writable, Readable, null>
  let lines: AsyncIterator<string>
  beforeAll(() => {
    child = spawn(python ?? '', [`${import.meta.dirname}/seal_hash.py`], { stdio: ['pipe', 'pipe', 'inherit'] })
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  })
  afterAll(() => {
    child.kill()
  })
  const byHashlib = async (): Promise<string> => {
    child.stdin.write(`${COUNT}\n`)
    return String((await lines.next()).value)
  }

  test(`${COUNT} seal hashes with one thread`, async ({ bench }) => {
    const sha256 = createHash('sha256')
      .update(u64le(BigInt(COUNT - 1)))
      .update(Uint8Array.from({ length: 32 }, (_, i) => i))
      .digest()
    expect(await byHashlib()).toBe(createHash('sha3-256').update(sha256).digest('hex'))
    const batch = {
      blockHashes: new Uint8Array(32 * COUNT).fill(1),
      hotkeys: new Uint8Array(32 * COUNT).fill(2),
      nonces: BigUint64Array.from({ length: COUNT }, (_, i) => BigInt(i)),
      difficulties: new BigUint64Array(COUNT).fill(2n),
    }
    expect(pow.verify(batch)).toEqual(powReference.verify(batch))
    await bench.compare(
      bench('addon, which also hashes block and hotkey', () => void pow.verify(batch)),
      bench('hashlib: sha256, sha3_256', async () => void (await byHashlib())),
    )
  })
})
