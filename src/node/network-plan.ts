/**
 * What a local network consists of: written once by the set-up step into `network.json` of the data folder, read at every
 * start. It names hotkeys; secrets stay in the key files.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { NodeError } from '../protocol/errors.ts'
import type { ModelSpec } from '../protocol/ports/compute.ts'

export const PLAN_FILE = 'network.json'
/** Wallets of a local network. */
export const wallets = { miners: 'miners', validators: 'validators', user: 'user' } as const
export const GATEWAY_HOTKEY = 'gateway'

const Kind = Type.Union([Type.Literal('order'), Type.Literal('nano'), Type.Literal('micro'), Type.Literal('gru')])
const MinerPlan = Type.Object({ hotkey: Type.String(), kind: Kind, domain: Type.String(), seed: Type.Integer({ minimum: 0 }) })
const NetworkPlan = Type.Object({
  version: Type.Literal(1),
  miners: Type.Array(MinerPlan, { maxItems: 64 }),
  validators: Type.Array(Type.Object({ hotkey: Type.String() }), { maxItems: 16 }),
  /** Addresses of the coldkeys. */
  coldkeys: Type.Object({ miners: Type.String(), validators: Type.String(), user: Type.String() }),
})
export type MinerPlan = Static<typeof MinerPlan>
export type NetworkPlan = Static<typeof NetworkPlan>
type Kind = Static<typeof Kind>

/** Models of mixture.md 1 and 12 by their short name. */
export const specs: Record<Kind, ModelSpec> = {
  order: { kind: 'order', order: 6, match: true },
  nano: { kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256 },
  micro: { kind: 'transformer', width: 96, layers: 4, heads: 4, context: 256 },
  gru: { kind: 'gru', embedding: 64, width: 160, context: 256 },
}

/** The first eight miners of mixture.md 12; further ones go round the domains with kinds in turn. */
const firstMiners: [Kind, string][] = [
  ['order', 'types'],
  ['order', 'script'],
  ['order', 'romance'],
  ['nano', 'novel'],
  ['nano', 'speech'],
  ['micro', 'central'],
  ['gru', 'mail'],
  ['gru', 'cjk'],
]
const moreDomains = ['novel', 'speech', 'mail', 'types', 'script', 'romance', 'central', 'cjk']
const moreKinds: Kind[] = ['order', 'gru', 'nano']

/** Kinds and domains of `count` miners. */
export const planMiners = (count: number): MinerPlan[] =>
  Array.from({ length: count }, (_, i) => {
    const [kind, domain] = firstMiners[i] ?? [moreKinds[i % moreKinds.length] ?? 'order', moreDomains[i % moreDomains.length] ?? 'novel']
    return { hotkey: `m${i}`, kind, domain, seed: i + 1 }
  })

/** The plan of a data folder; null before its set-up. @throws NodeError NODE_PLAN_INVALID */
export function readPlan(dataFolder: string): NetworkPlan | null {
  const path = join(dataFolder, PLAN_FILE)
  if (!existsSync(path)) return null
  try {
    return Value.Parse(NetworkPlan, JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new NodeError('NODE_PLAN_INVALID', { path }, { cause })
  }
}
