/** What the node knows of itself, gathered from its running parts: fills the NodeInfo port for the API. */
import { toHex, type Hex } from '../protocol/bytes.ts'
import { listWallets } from '../keys/wallets.ts'
import type { Milestone, NodeInfo, QualityPoint, RunningRole, ScoreRow } from '../protocol/ports/node-info.ts'
import type { RecordList } from '../protocol/ports/records.ts'
import { readQuality } from '../roles/validator/quality.ts'
import type { MixtureGateway } from '../roles/gateway/gateway.ts'
import type { LocalMiner } from './local-miners.ts'
import type { LocalValidator } from './local-validators.ts'
import type { Milestones } from './milestones.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { VERSION } from './version.ts'

const keyOf = (address: string): Hex => toHex(decodeSs58(address))

type Watched = Parameters<NodeInfo['watch']>[0]

export class NodeStatus {
  readonly #options: { startedAt: number; list: RecordList; walletsFolder: string }
  readonly #watchers = new Set<Watched>()
  #miners: readonly LocalMiner[] = []
  #validators: readonly LocalValidator[] = []
  #gateway: { role: MixtureGateway; hotkey: Hex } | null = null

  constructor(options: { startedAt: number; list: RecordList; walletsFolder: string }) {
    this.#options = options
  }

  miners(miners: readonly LocalMiner[]): void {
    this.#miners = miners
  }

  validators(validators: readonly LocalValidator[]): void {
    this.#validators = validators
  }

  gateway(role: MixtureGateway, hotkey: Hex): void {
    this.#gateway = { role, hotkey }
  }

  /** Tells who watches of a quality figure; the validator has kept it. */
  quality(point: QualityPoint): void {
    for (const watcher of this.#watchers) watcher({ type: 'quality', point })
  }

  announce(milestone: Milestone): void {
    for (const watcher of this.#watchers) watcher({ type: 'milestone', milestone })
  }

  /** Kind and corpus of a miner of this node; nulls for strangers. */
  told(hotkey: Hex): { kind: string | null; corpus: string | null } {
    const miner = this.#miners.find(({ role }) => role.status().hotkey === hotkey)
    return miner === undefined ? { kind: null, corpus: null } : { kind: miner.kind, corpus: miner.plan.domain }
  }

  info(milestones: Milestones, audit: NodeInfo['audit']): NodeInfo {
    const { startedAt, list, walletsFolder } = this.#options
    return {
      version: VERSION,
      startedAt: Math.round(startedAt),
      roles: () => this.#roles(),
      wallets: async () =>
        (await listWallets(walletsFolder)).map(({ name, address, hotkeys }) => ({
          name,
          coldkey: keyOf(address),
          hotkeys: hotkeys.flatMap((one) => (one.address === null ? [] : [{ name: one.name, hotkey: keyOf(one.address) }])),
        })),
      quality: (count) => readQuality(list, count),
      scores: (netuid) => this.#scores(netuid),
      milestones: () => milestones.all(),
      audit,
      told: (hotkey) => this.told(hotkey),
      watch: (listener, signal) => {
        this.#watchers.add(listener)
        signal.addEventListener('abort', () => this.#watchers.delete(listener), { once: true })
      },
    }
  }

  #roles(): RunningRole[] {
    const miners = this.#miners.map(({ role, plan }): RunningRole => {
      const { netuid, hotkey, state, kind, uid, training } = role.status()
      return {
        role: 'miner',
        netuid,
        hotkey,
        state,
        detail: { uid, kind, corpus: plan.domain, trainingSteps: training.steps, loss: training.loss },
      }
    })
    const validators = this.#validators.map(({ role }): RunningRole => {
      const { netuid, hotkey, state, uid, passes } = role.status()
      return { role: 'validator', netuid, hotkey, state, detail: { uid, passes } }
    })
    const gateway = this.#gateway
    if (gateway === null) return [...validators, ...miners]
    return [
      ...validators,
      ...miners,
      { role: 'gateway', netuid: 1, hotkey: gateway.hotkey, state: 'serving', detail: { ...gateway.role.status() } },
    ]
  }

  #scores(netuid: number): ScoreRow[] {
    return this.#validators.flatMap(({ role }) => {
      const status = role.status()
      return status.netuid === netuid ? status.scores.map(({ served: _served, ...score }) => score) : []
    })
  }
}
