/** The ledger's thread and its end: by death, by a refusal at the start, by the host. */
import { expect, test } from 'vitest'
import { ledgerInWorker } from '../../../src/node/ledger-host.ts'
import { encodeGenesis } from '../../../src/protocol/genesis.ts'
import type { Signer } from '../../../src/protocol/ports/platform.ts'
import { codeOf } from '../../contract/ledger.ts'
import { temporaryFolder } from '../../support/folders.ts'
import { silentLog } from '../../support/silent-log.ts'
import { toyNetwork } from '../../support/toy-network.ts'

const network = toyNetwork('host')
const dying = new URL('../../support/dying-ledger-worker.ts', import.meta.url)
const open = (path: string, entry?: URL, signer: Signer = network.orderer) =>
  ledgerInWorker(
    { ...(entry && { entry }), genesis: encodeGenesis(network.genesis), store: { path }, engine: { blockTimeMs: 20 } },
    { signer, log: silentLog() },
  )

test('when the thread dies everyone who waits is told, and so is everyone who comes later', async () => {
  const ledger = await open(temporaryFolder(), dying)
  const waiting = codeOf(ledger.submit(await network.transfer(0, 5)))
  const blocks = (async () => {
    for await (const { height } of ledger.subscribe(1, new AbortController().signal)) expect(height).toBeLessThan(3)
  })()
  expect(await codeOf(blocks)).toBe('LEDGER_STOPPED')
  expect(await waiting).toBe('LEDGER_STOPPED')
  const failure = await ledger.stopped
  expect([failure?.code, failure?.message.includes('code 3')]).toEqual(['LEDGER_STOPPED', true])
  expect(await codeOf(ledger.query('head'))).toBe('LEDGER_STOPPED')
  await ledger.close()
})

test('what keeps the thread from serving is told with its own code', async () => {
  const path = temporaryFolder()
  const ledger = await open(path)
  expect(await codeOf(open(path))).toBe('STORE_LOCKED')
  await ledger.close()
  const stranger = toyNetwork('stranger').orderer
  expect(await codeOf(open(path, undefined, stranger))).toBe('LEDGER_ORDERER')
  expect(await codeOf(open(path, new URL('./no-such-file.ts', import.meta.url)))).toBe('LEDGER_STOPPED')
})

test('a signer that refuses stops the ledger, and the key never crosses to the thread', async () => {
  const asked: Uint8Array[] = []
  const refusing: Signer = {
    ...network.orderer,
    sign: async (message) => {
      asked.push(message)
      throw new Error('the key is locked')
    },
  }
  const ledger = await open(temporaryFolder(), undefined, refusing)
  const failure = await ledger.stopped
  expect([failure?.code, failure?.message.includes('the key is locked'), asked.length]).toEqual(['LEDGER_STOPPED', true, 1])
  await ledger.close()
})
