/** What every ledger must do for the rooms above it (ports/ledger.ts), whatever orders its blocks. */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { BlockEvents, Ledger } from '../../src/protocol/ports/ledger.ts'
import { type ToyNetwork, toyNetwork, USER_FREE } from '../support/toy-network.ts'

export interface LedgerPlace {
  network: ToyNetwork
  /** What a transfer costs, in rao. */
  fee: bigint
  /** Opens the ledger of this place, which makes blocks by itself; what it kept before is found again. */
  open(): Promise<Ledger>
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing thrown'
  } catch (error) {
    return error instanceof NodeError ? error.code : String(error)
  }
}

/** The first `count` blocks from a height on. */
export async function blocksFrom(ledger: Ledger, from: number, count: number): Promise<BlockEvents[]> {
  const [blocks, done] = [[] as BlockEvents[], new AbortController()]
  for await (const block of ledger.subscribe(from, done.signal)) if (blocks.push(block) === count) break
  done.abort()
  return blocks
}

export function ledgerContract(name: string, place: () => LedgerPlace): void {
  const open = async (): Promise<{ ledger: Ledger; network: ToyNetwork; fee: bigint; at: LedgerPlace }> => {
    const at = place()
    return { ledger: await at.open(), network: at.network, fee: at.fee, at }
  }

  describe(`ledger: ${name}`, () => {
    test('says which chain it is', async () => {
      const { ledger, network } = await open()
      const { chainId, kind } = network.genesis
      expect(ledger.chain).toEqual({ id: chainId, genesis: genesisHash(network.genesis), kind })
      const head = await ledger.query('head')
      expect([head.chainId, head.kind, head.genesisHash]).toEqual([chainId, kind, toHex(genesisHash(network.genesis))])
      await ledger.close()
    })

    test('answers a transaction with its receipt once its block is there to be read', async () => {
      const { ledger, network, fee } = await open()
      const receipt = await ledger.submit(await network.transfer(0, 0, { amount: 5n }))
      expect(receipt).toMatchObject({ kind: 'transfer', signer: toHex(network.users[0]!.publicKey), error: null, index: 0 })
      expect(await ledger.query('receipt', receipt.id)).toEqual(receipt)
      const [block] = await ledger.query('blocks', receipt.height, 1)
      expect(block?.transactions).toEqual([{ id: receipt.id, kind: 'transfer', signer: receipt.signer, error: null }])
      expect(block?.events).toMatchObject([{ type: 'transferred', amount: 5n }])
      expect((await ledger.query('account', toHex(network.users[0]!.publicKey))).free).toBe(USER_FREE - 5n - fee)
      await ledger.close()
    })

    test('a transaction that fails has a receipt that names the error, and uses its nonce', async () => {
      const { ledger, network } = await open()
      // Ahead of its turn nobody can say whether it will fail, so it is taken.
      const failing = ledger.submit(await network.transfer(0, 1, { amount: USER_FREE + 1n }))
      await ledger.submit(await network.transfer(0, 0))
      const receipt = await failing
      expect(receipt.error?.code).toBe('LEDGER_BALANCE')
      expect(await ledger.query('nonce', toHex(network.users[0]!.publicKey))).toBe(2n)
      await ledger.close()
    })

    test('refuses before any block what no block may hold', async () => {
      const { ledger, network } = await open()
      const good = await network.transfer(0, 0)
      const forged = good.slice()
      forged[forged.length - 1]! ^= 1
      const elsewhere = await toyNetwork('elsewhere').transfer(0, 0)
      const codes = [
        good.slice(1),
        new Uint8Array(70_000),
        forged,
        elsewhere,
        await network.transfer(0, 17),
        await network.transfer(1, 0, { expiry: 0n }),
      ]
      const found = await Promise.all(codes.map((bytes) => codeOf(ledger.submit(bytes))))
      expect(found.slice(0, 3)).toEqual(['LEDGER_MALFORMED', 'LEDGER_MALFORMED', 'LEDGER_SIGNATURE_INVALID'])
      expect(found.slice(3)).toEqual(['LEDGER_WRONG_CHAIN', 'LEDGER_NONCE', 'LEDGER_EXPIRED'])
      expect((await ledger.submit(good)).error).toBeNull()
      await ledger.close()
    })

    test('transactions of one signer that arrive out of order are applied in the order of their nonces', async () => {
      const { ledger, network } = await open()
      const nonces = [3, 1, 2, 0]
      const receipts = await Promise.all(
        nonces.map(async (nonce) => ledger.submit(await network.transfer(0, nonce, { amount: BigInt(nonce + 1) }))),
      )
      const place = (i: number) => [receipts[i]!.height, receipts[i]!.index]
      const inOrder = [place(3), place(1), place(2), place(0)]
      expect(inOrder.toSorted((a, b) => a[0]! - b[0]! || a[1]! - b[1]!)).toEqual(inOrder)
      expect(receipts.map((receipt) => receipt.error)).toEqual([null, null, null, null])
      await ledger.close()
    })

    test('the same transaction submitted again, waiting or applied, has one receipt and one effect', async () => {
      const { ledger, network, fee } = await open()
      const bytes = await network.transfer(0, 0, { amount: 7n })
      const [first, second] = await Promise.all([ledger.submit(bytes), ledger.submit(bytes)])
      expect(second).toEqual(first)
      expect(await ledger.submit(bytes)).toEqual(first)
      expect((await ledger.query('account', first.signer)).free).toBe(USER_FREE - 7n - fee)
      expect(await codeOf(ledger.submit(await network.transfer(0, 0, { amount: 8n })))).toBe('LEDGER_NONCE')
      await ledger.close()
    })

    test('a nonce that waits already is not taken by another transaction', async () => {
      const { ledger, network } = await open()
      const waiting = ledger.submit(await network.transfer(0, 1, { amount: 1n }))
      expect(await codeOf(ledger.submit(await network.transfer(0, 1, { amount: 2n })))).toBe('LEDGER_NONCE_WAITING')
      await ledger.submit(await network.transfer(0, 0))
      expect((await waiting).error).toBeNull()
      await ledger.close()
    })

    test('an aborted submission rejects with the reason of its signal', async () => {
      const { ledger, network } = await open()
      const given = new AbortController()
      const waiting = ledger.submit(await network.transfer(0, 1), given.signal)
      given.abort(new Error('enough'))
      expect(await codeOf(waiting)).toBe('Error: enough')
      expect(await codeOf(ledger.submit(await network.transfer(0, 2), AbortSignal.abort(new Error('before'))))).toBe('Error: before')
      await ledger.close()
    })

    test('a subscriber gets every block once, from any height on, each linked to the one before', async () => {
      const { ledger, network } = await open()
      const receipt = await ledger.submit(await network.transfer(0, 0))
      const blocks = await blocksFrom(ledger, 0, receipt.height + 3)
      expect(blocks.map(({ height }) => height)).toEqual(blocks.map((_, i) => i + 1))
      expect(blocks[receipt.height - 1]?.receipts).toEqual([receipt])
      expect(blocks.slice(1).every((block, i) => block.time > blocks[i]!.time)).toBe(true)
      const summaries = await ledger.query('blocks', 0, blocks.length + 1)
      expect(summaries.map(({ hash }) => hash)).toEqual([toHex(genesisHash(network.genesis)), ...blocks.map(({ hash }) => hash)])
      expect(summaries.slice(1).map(({ parent }) => parent)).toEqual(summaries.slice(0, -1).map(({ hash }) => hash))
      const again = await blocksFrom(ledger, 1, blocks.length)
      expect(again).toEqual(blocks)
      await ledger.close()
    })

    test('an aborted subscription ends', async () => {
      const { ledger } = await open()
      const done = new AbortController()
      let seen = 0
      for await (const { height } of ledger.subscribe(1, done.signal)) {
        seen = height
        if (height === 3) done.abort()
      }
      expect(seen).toBe(3)
      await ledger.close()
    })

    test('what it does not know it says so', async () => {
      const { ledger } = await open()
      expect(await codeOf(ledger.query('market', 60_000))).toBe('LEDGER_NOT_FOUND')
      expect(await codeOf(ledger.query('explain', 1, 1n, 1))).toBe('LEDGER_NOT_FOUND')
      expect(await ledger.query('receipt', 'ab'.repeat(32))).toBeNull()
      expect(await ledger.query('blocks', 10_000, 3)).toEqual([])
      expect([await ledger.query('epochs', 60_000, null, 5), await ledger.query('neuronHistory', 60_000, 0, 5)]).toEqual([[], []])
      await ledger.close()
    })

    test('keeps a history point for each block, oldest first in answers', async () => {
      const { ledger } = await open()
      await blocksFrom(ledger, 4, 1)
      const points = await ledger.query('history', 3)
      expect(points.map((point, i) => point.height - points[0]!.height === i && point.issuance > 0n)).toEqual([true, true, true])
      await ledger.close()
    })

    test('closing refuses what waits, ends subscriptions, and refuses what comes later', async () => {
      const { ledger, network } = await open()
      const waiting = codeOf(ledger.submit(await network.transfer(0, 1)))
      const heights = (async () => {
        const seen: number[] = []
        for await (const { height } of ledger.subscribe(1, new AbortController().signal)) seen.push(height)
        return seen
      })()
      await blocksFrom(ledger, 2, 1)
      await ledger.close()
      await ledger.close()
      expect(await waiting).toBe('LEDGER_STOPPED')
      const seen = await heights
      expect(seen).toEqual(seen.map((_, i) => i + 1))
      expect(seen.length).toBeGreaterThan(1)
      expect([await codeOf(ledger.submit(await network.transfer(0, 0))), await codeOf(ledger.query('head'))]).toEqual(
        Array(2).fill('LEDGER_STOPPED'),
      )
    })

    test('opened again it goes on where it was', async () => {
      const { ledger, network, at } = await open()
      const receipt = await ledger.submit(await network.transfer(0, 0, { amount: 9n }))
      const before = await blocksFrom(ledger, 1, receipt.height)
      await ledger.close()
      const again = await at.open()
      expect(await blocksFrom(again, 1, receipt.height)).toEqual(before)
      expect(await again.submit(await network.transfer(0, 0, { amount: 9n }))).toEqual(receipt)
      expect((await again.submit(await network.transfer(0, 1))).height).toBeGreaterThan(receipt.height)
      await again.close()
    })
  })
}
