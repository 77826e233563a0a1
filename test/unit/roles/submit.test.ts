import { beforeEach, describe, expect, test } from 'vitest'
import { NodeError } from '../../../src/protocol/errors.ts'
import type { Action, Ledger, Receipt } from '../../../src/protocol/ports/ledger.ts'
import { decodeTransaction } from '../../../src/protocol/transaction.ts'
import { submitter } from '../../../src/roles/submit.ts'
import { ScriptedLedger } from '../../support/scripted-ledger.ts'
import { testSigner } from '../../support/test-signer.ts'

const signer = testSigner(1)
const register: Action = { kind: 'register', netuid: 1, coldkey: testSigner(2).publicKey, block: 0n, nonce: 7n }
const serve: Action = { kind: 'serve', netuid: 1, addresses: ['/ip4/127.0.0.1/tcp/4001'], httpIp: new Uint8Array(16), httpPort: 0 }

let ledger: ScriptedLedger
beforeEach(() => {
  ledger = new ScriptedLedger()
  ledger.autoMine = true
})

describe('submitter', () => {
  test('actions of one key go one after the other, each with the next nonce', async () => {
    const submit = submitter({ ledger, signer })
    const receipts = await Promise.all([submit(register), submit(serve), submit(serve)])
    expect(receipts.map(({ error }) => error)).toEqual([null, null, null])
    expect(receipts.map(({ height }) => height)).toEqual([1, 2, 3])
  })

  test('a transaction names the chain, the signer and an expiry ahead of the head', async () => {
    const seen: ReturnType<typeof decodeTransaction>[] = []
    const spying = {
      chain: ledger.chain,
      query: ledger.query.bind(ledger),
      submit: async (bytes: Uint8Array): Promise<Receipt> => {
        seen.push(decodeTransaction(bytes))
        return await ledger.submit(bytes)
      },
    }
    await submitter({ ledger: spying, signer })(register)
    expect(seen[0]?.unsigned).toMatchObject({
      chainId: 'test',
      genesis: ledger.chain.genesis,
      signer: signer.publicKey,
      nonce: 0n,
      expiry: 50n,
    })
  })

  test('a nonce that another holder of the key took is rebuilt', async () => {
    const [first, second] = [submitter({ ledger, signer }), submitter({ ledger, signer })]
    const receipts = await Promise.all([first(register), second(serve)])
    expect(receipts.map(({ error }) => error)).toEqual([null, null])
  })

  test('gives up after four refused nonces in a row', async () => {
    let tries = 0
    const stubborn: Pick<Ledger, 'chain' | 'query' | 'submit'> = {
      chain: ledger.chain,
      query: ledger.query.bind(ledger),
      submit: async () => {
        tries += 1
        throw new NodeError('LEDGER_NONCE', { nonce: 0n, next: 9n, signer: 'x' })
      },
    }
    await expect(submitter({ ledger: stubborn, signer })(register)).rejects.toMatchObject({ code: 'ROLES_NONCE' })
    expect(tries).toBe(4)
  })

  test('behind a nonce that waits for its block already it takes the next', async () => {
    const nonces: bigint[] = []
    const busy: Pick<Ledger, 'chain' | 'query' | 'submit'> = {
      chain: ledger.chain,
      query: ledger.query.bind(ledger),
      submit: async (bytes) => {
        const { unsigned, id } = decodeTransaction(bytes)
        nonces.push(unsigned.nonce)
        if (unsigned.nonce < 2n) throw new NodeError('LEDGER_NONCE_WAITING', { nonce: unsigned.nonce, signer: 'x' })
        return { id, height: 1, index: 0, kind: unsigned.action.kind, signer: 'x', error: null }
      },
    }
    expect((await submitter({ ledger: busy, signer })(register)).error).toBeNull()
    expect(nonces).toEqual([0n, 1n, 2n])
  })

  test('an error before a block is thrown as it is, and the next action still goes through', async () => {
    const submit = submitter({ ledger, signer })
    const wrong = { ...serve, addresses: ['x'.repeat(10_000)] }
    await expect(submit(wrong)).rejects.toBeInstanceOf(NodeError)
    expect((await submit(register)).error).toBeNull()
  })

  test('a refusal in a block is the receipt, not an exception', async () => {
    ledger.refusals.push({ kind: 'register', code: 'LEDGER_SEAL_WEAK' })
    expect((await submitter({ ledger, signer })(register)).error?.code).toBe('LEDGER_SEAL_WEAK')
  })
})
