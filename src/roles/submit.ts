/** Signs an action and submits it: nonces in order for one key, an expiry, and a rebuilt nonce when the ledger knows better. */
import { toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Action, Ledger, Receipt } from '../protocol/ports/ledger.ts'
import type { Signer } from '../protocol/ports/platform.ts'
import { signTransaction } from '../protocol/transaction.ts'

/** Blocks after which an unapplied transaction is void: long enough for a full mempool, short enough to know its fate soon. */
const EXPIRY_BLOCKS = 50n
/** Nonces tried for one action before giving up: another holder of the key is racing with us. */
const NONCE_ATTEMPTS_MAX = 4

export interface SubmitParts {
  ledger: Pick<Ledger, 'chain' | 'query' | 'submit'>
  signer: Signer
}
/** @returns the receipt, which may carry an error. @throws NodeError LEDGER_* when refused before a block, ROLES_NONCE */
export type Submit = (action: Action, signal?: AbortSignal) => Promise<Receipt>

/**
 * One submitter per key: its actions go one after the other, each after the receipt of the one before. Two submitters of
 * the same key work too, only slower (a nonce that the other took is rebuilt).
 */
export function submitter({ ledger, signer }: SubmitParts): Submit {
  const key = toHex(signer.publicKey)
  let last: Promise<unknown> = Promise.resolve()

  const attempt = async (action: Action, ahead: bigint, signal?: AbortSignal): Promise<Receipt> => {
    const [next, head] = await Promise.all([ledger.query('nonce', key), ledger.query('head')])
    const { id: chainId, genesis } = ledger.chain
    const { scheme, publicKey } = signer
    const expiry = BigInt(head.height) + EXPIRY_BLOCKS
    const unsigned = { chainId, genesis, action, scheme, signer: publicKey, nonce: next + ahead, expiry }
    return await ledger.submit(await signTransaction(unsigned, signer), signal)
  }
  const submit: Submit = async (action, signal) => {
    // A nonce that waits for its block already belongs to another action of this key: ours comes behind it.
    let ahead = 0n
    for (let tries = 0; tries < NONCE_ATTEMPTS_MAX; tries++) {
      signal?.throwIfAborted()
      let refusal: string | undefined
      try {
        const receipt = await attempt(action, ahead, signal)
        refusal = receipt.error?.code
        if (!isNonce(refusal)) return receipt
      } catch (error) {
        if (!(error instanceof NodeError) || !isNonce(error.code)) throw error
        refusal = error.code
      }
      ahead = refusal === 'LEDGER_NONCE_WAITING' ? ahead + 1n : 0n
    }
    throw new NodeError('ROLES_NONCE', { attempts: NONCE_ATTEMPTS_MAX, signer: key })
  }
  return async (action, signal) => {
    const turn = last.then(async () => await submit(action, signal))
    last = turn.catch(() => undefined)
    return await turn
  }
}

const isNonce = (code: string | undefined): boolean => code?.startsWith('LEDGER_NONCE') === true
