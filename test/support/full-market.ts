/** A ledger with a large market, made without its ten thousand registrations: rows as blocks would have left them. */
import { apply } from '../../src/ledger/state/apply.ts'
import type { Applied } from '../../src/ledger/state/apply.ts'
import { newHotkeyRow, accountRow } from '../../src/ledger/state/keys.ts'
import type { State } from '../../src/ledger/state/state.ts'
import { writePairs } from '../../src/ledger/state/weights.ts'
import { Work } from '../../src/ledger/state/work.ts'
import type { StateParts } from '../../src/ledger/state/work.ts'
import { key, TAU, testGenesis, World } from './ledger-world.ts'

/** Market 1 with n neurons, the first `validators` of them with stake, permit and a weight for everybody; height 0. */
export function fullMarket(n: number, validators: number, parts: StateParts): State {
  const work = new Work(new World(testGenesis(), parts).state, parts)
  const { state } = work
  const { head } = state.chain
  const market = state.market(1)
  const stake = 2_000n * TAU
  for (let i = 0; i < n; i++) {
    const owner = accountRow(work, key(10_000 + i))
    const hotkey = newHotkeyRow(work, key(50_000 + i), owner)
    const uid = market.grow()
    market.parts.hotkey.set(uid, hotkey)
    market.name(hotkey, uid)
    state.counts.uids.put(hotkey, 1)
    market.parts.lastUpdate.set(uid, 5)
    if (i >= validators) continue
    state.stakes.set(hotkey, owner, stake)
    state.hotkeys.stake.set(hotkey, stake)
    const { totalStake, issuance, genesisIssuance } = head.value
    head.set({ totalStake: totalStake + stake, issuance: issuance + stake, genesisIssuance: genesisIssuance + stake })
    market.parts.permit.set(uid, true)
    const values = Array.from({ length: n }, (_, j) => 1 + ((j * 7_919 + i * 31) % 65_535))
    market.parts.weights.set(uid, writePairs([...values.keys()], values))
  }
  head.set({ height: 0 })
  state.headHash = head.value.genesis
  return state
}

/** Empty blocks up to a height; the last one's result. */
export function blocksTo(state: State, height: number, parts: StateParts): Applied {
  let applied: Applied | undefined
  let current = state
  while (current.height < height) {
    const block = {
      height: current.height + 1,
      time: current.time + 1_000,
      parent: current.headHash ?? new Uint8Array(32),
      transactions: [],
    }
    applied = apply(current, block, parts)
    current = applied.state
  }
  if (!applied) throw new Error(`the state is at ${current.height} already`)
  return applied
}
