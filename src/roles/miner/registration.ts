/**
 * Registers a neuron by proof of work: a seal over a block that may be two blocks old when it is applied. Each new block
 * takes the place of the one searched over; the solver goes on without a restart (nothing is lost: no nonce is worth more
 * than another).
 */
import { fromHex } from '../../protocol/bytes.ts'
import { errorText, errors, isErrorCode, NodeError } from '../../protocol/errors.ts'
import type { Retry } from '../../protocol/errors.ts'
import type { PowChallenge, PowCompute, PowSolution } from '../../protocol/ports/compute.ts'
import type { Ledger, Market } from '../../protocol/ports/ledger.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import type { ChainWatch, Tip } from '../chain-watch.ts'
import type { Submit } from '../submit.ts'

/** Longest pause between two attempts that the market refuses for now: one adjustment interval of the local network. */
const PAUSE_BLOCKS_MAX = 20

export interface RegistrationOptions {
  netuid: number
  hotkey: Uint8Array
  /** 32 bytes: the owner's public key. */
  coldkey: Uint8Array
  threads: number
}
export interface RegistrationParts {
  ledger: Pick<Ledger, 'query'>
  pow: Pick<PowCompute, 'search'>
  submit: Submit
  watch: Pick<ChainWatch, 'tip' | 'reached'>
  log: Log
}
export interface RegistrationProgress {
  seals: number
  hashes: number
}
/** `registered`, or why the ledger will never take this registration. */
export type RegistrationOutcome = { status: 'registered' } | { status: 'refused'; code: string; text: string }

/** Tries until the hotkey is in the market, the ledger refuses for good, or the signal aborts (then rejects with its reason). */
export async function register(
  options: RegistrationOptions,
  parts: RegistrationParts,
  progress: RegistrationProgress,
  signal: AbortSignal,
): Promise<RegistrationOutcome> {
  const { ledger, watch, log } = parts
  for (let pauses = 0; ;) {
    const market = await ledger.query('market', options.netuid)
    const refusal = market.registrationAllowed ? await attempt(options, parts, market, progress, signal) : closed(options.netuid)
    if (refusal === null || refusal.code === 'LEDGER_REGISTERED') return { status: 'registered' }
    const retry = retryOf(refusal.code)
    if (retry === 'never') {
      log.error('the registration is refused for good', { netuid: options.netuid, code: refusal.code, reason: refusal.text })
      return { status: 'refused', ...refusal }
    }
    log.info('the registration is refused for now', { netuid: options.netuid, code: refusal.code, reason: refusal.text })
    pauses = retry === 'later' ? pauses + 1 : 0
    const pause = retry === 'later' ? Math.min(2 ** (pauses - 1), PAUSE_BLOCKS_MAX) : 1
    await watch.reached(watch.tip.height + pause, signal)
  }
}

interface Refusal {
  code: string
  text: string
}

/** One seal found and submitted; null when the ledger took it. */
async function attempt(
  options: RegistrationOptions,
  parts: RegistrationParts,
  market: Market,
  progress: RegistrationProgress,
  signal: AbortSignal,
): Promise<Refusal | null> {
  const { netuid, coldkey } = options
  const { tip, solution } = await search(options, parts, market.difficulty, signal)
  progress.seals += 1
  progress.hashes += solution.hashes
  parts.log.info('found a registration seal', {
    netuid,
    block: tip.height,
    difficulty: market.difficulty,
    hashes: solution.hashes,
    seconds: Math.round(solution.seconds * 10) / 10,
  })
  try {
    const receipt = await parts.submit({ kind: 'register', netuid, coldkey, block: BigInt(tip.height), nonce: solution.nonce }, signal)
    return receipt.error
  } catch (error) {
    if (error instanceof NodeError && !signal.aborted) return { code: error.code, text: error.message }
    throw error
  }
}

/** Searches over the newest block, whichever that is: the tip and the seal over it. */
async function search(
  { hotkey, threads }: RegistrationOptions,
  { pow, watch }: RegistrationParts,
  difficulty: bigint,
  signal: AbortSignal,
): Promise<{ tip: Tip; solution: PowSolution }> {
  const challengeOver = ({ hash }: Tip): PowChallenge => ({ blockHash: fromHex(hash), hotkey, difficulty, threads })
  let { tip } = watch
  const running = pow.search(challengeOver(tip), { signal })
  const over = new AbortController()
  const follow = async (): Promise<void> => {
    for (;;) {
      const next = await watch.reached(tip.height + 1, over.signal)
      // Refused where a seal over the old block is found already; it stands.
      if (!running.replace(challengeOver(next))) return
      tip = next
    }
  }
  const following = follow().catch(() => undefined)
  try {
    const solution = await running.result
    return { tip, solution }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    over.abort()
    await following
  }
}

const closed = (netuid: number): Refusal => ({
  code: 'LEDGER_REGISTRATION_CLOSED',
  text: errorText('LEDGER_REGISTRATION_CLOSED', { netuid }),
})
const retryOf = (code: string): Retry => (isErrorCode(code) ? errors[code].retry : 'later')
