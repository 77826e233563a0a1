/**
 * One transaction against the state. Three answers: executed; failed, which costs the nonce and the fee; refused, which leaves
 * no trace. Only coldkeys, who pay, can fail: what is free either does what it says or is no part of a block, so that nobody
 * fills blocks for nothing.
 */
import { signerRole } from '../../protocol/actions.ts'
import { equal, toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { EXPIRY_BLOCKS_MAX } from '../../protocol/ledger-limits.ts'
import type { Action, ActionKind, Unsigned } from '../../protocol/ports/ledger.ts'
import { transfer } from './accounts.ts'
import type { ActionOf } from './accounts.ts'
import { useNonce } from './keys.ts'
import { account, move, sweepDust, treasury } from './money.ts'
import { commitModel, serve } from './neurons.ts'
import { register, registerBurned } from './registration.ts'
import { addStake, becomeDelegate, moveStake, removeStake, setTake } from './stake.ts'
import { commitWeights, revealWeights } from './weights.ts'
import type { Handler, SignedBy, Work } from './work.ts'

const handlers: { [K in ActionKind]: Handler<ActionOf<K>> } = {
  transfer,
  register,
  register_burned: registerBurned,
  add_stake: addStake,
  remove_stake: removeStake,
  move_stake: moveStake,
  become_delegate: becomeDelegate,
  set_take: setTake,
  serve,
  commit_model: commitModel,
  commit_weights: commitWeights,
  reveal_weights: revealWeights,
}

const check = (work: Work, action: Action, signer: SignedBy): (() => void) =>
  (handlers[action.kind] as Handler<Action>)(work, action, signer)

/**
 * What holds before the action is looked at: chain, expiry, nonce, and that a coldkey can pay, a hotkey is known.
 * @param ahead how many nonces a transaction may be ahead of its key's next one; each must be payable
 * @throws NodeError LEDGER_WRONG_CHAIN, LEDGER_EXPIRED, LEDGER_EXPIRY_TOO_FAR, LEDGER_NONCE, LEDGER_FEE, LEDGER_HOTKEY_UNKNOWN
 */
export function requireAcceptable(work: Work, unsigned: Unsigned, ahead: number): void {
  const { state, height } = work
  const { head } = state.chain
  const signer = toHex(unsigned.signer)
  if (Buffer.from(head.value.chainId).toString('latin1') !== unsigned.chainId || !equal(head.value.genesis, unsigned.genesis))
    throw new NodeError('LEDGER_WRONG_CHAIN', { chain: unsigned.chainId })
  const { expiry, nonce } = unsigned
  if (expiry < BigInt(height)) throw new NodeError('LEDGER_EXPIRED', { expiry, height })
  if (expiry > BigInt(height + EXPIRY_BLOCKS_MAX))
    throw new NodeError('LEDGER_EXPIRY_TOO_FAR', { expiry, limit: EXPIRY_BLOCKS_MAX, height })
  const next = state.nonce(unsigned.signer)
  if (nonce < next || nonce > next + BigInt(ahead)) throw new NodeError('LEDGER_NONCE', { nonce, signer, next })
  if (signerRole(unsigned.action.kind) === 'coldkey') {
    const row = state.account(unsigned.signer)
    const fee = work.parameters.baseFee
    if (row === undefined || state.accounts.free.get(row) < fee * (nonce - next + 1n)) throw new NodeError('LEDGER_FEE', { fee, signer })
  } else if (unsigned.action.kind !== 'register' && state.hotkey(unsigned.signer) === undefined)
    throw new NodeError('LEDGER_HOTKEY_UNKNOWN', { hotkey: signer })
}

function signedBy(work: Work, { signer, action }: Unsigned): SignedBy {
  const isColdkey = signerRole(action.kind) === 'coldkey'
  return {
    key: signer,
    hex: toHex(signer),
    account: isColdkey ? work.state.account(signer) : undefined,
    hotkey: isColdkey ? undefined : work.state.hotkey(signer),
  }
}

/**
 * Executes a transaction whose signature is known to be good.
 * @returns null, or why it failed: then the nonce and the fee are all that changed
 * @throws NodeError LEDGER_* when it is refused: then nothing changed
 */
export function execute(work: Work, unsigned: Unsigned): NodeError | null {
  requireAcceptable(work, unsigned, 0)
  const signer = signedBy(work, unsigned)
  if (signer.account === undefined) {
    const effect = check(work, unsigned.action, signer)
    useNonce(work, unsigned.signer)
    effect()
    return null
  }
  useNonce(work, unsigned.signer)
  move(work, account(signer.account), treasury, work.parameters.baseFee)
  const before = work.writes
  let effect: () => void
  try {
    effect = check(work, unsigned.action, signer)
  } catch (error) {
    if (!(error instanceof NodeError) || error.code === 'LEDGER_INVARIANT') throw error
    if (work.writes !== before)
      throw new NodeError('LEDGER_INVARIANT', { id: 'I8', height: work.height, detail: `${unsigned.action.kind} failed and wrote` })
    // What the fee left may be too little to keep.
    sweepDust(work, signer.account)
    return error
  }
  effect()
  return null
}
