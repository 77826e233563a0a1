/** The four classes of callers (wire.md 1.5): how much of the service each gets, and how often each may ask. */
import type { Access } from '../protocol/ports/network.ts'

/** V admitted by stake, A allow-listed, R registered only, O anonymous. */
export type ServiceClass = 'V' | 'A' | 'R' | 'O'

export function serviceClass(access: Access, allowListed: boolean): ServiceClass {
  if (allowListed) return 'A'
  if (access.admitted) return 'V'
  return access.registered ? 'R' : 'O'
}

/** Share of a caller below which its weight does not fall, so that nobody admitted starves. */
const SHARE_MIN = 0.01
const WEIGHT_ALLOWED = 0.25
/** Weights that all callers of the class share. */
const WEIGHT_REGISTERED = 0.05
const WEIGHT_ANONYMOUS = 0.01

/** Who has work queued: `admittedShare` is the sum of their shares, the others are counts. */
export interface ActiveCallers {
  admittedShare: number
  registered: number
  anonymous: number
}

/** Weight of a caller among those who have work queued, itself included. */
export function weightOf(service: ServiceClass, share: number, active: ActiveCallers): number {
  switch (service) {
    case 'V':
      return Math.max(active.admittedShare > 0 ? share / active.admittedShare : 1, SHARE_MIN)
    case 'A':
      return WEIGHT_ALLOWED
    case 'R':
      return WEIGHT_REGISTERED / Math.max(active.registered, 1)
    case 'O':
      return WEIGHT_ANONYMOUS / Math.max(active.anonymous, 1)
  }
}

/** Calls per second with the burst in calls, and request bytes per second; Infinity is no limit. */
export interface Rate {
  callsPerSecond: number
  callsBurst: number
  bytesPerSecond: number
}
const MIB = 1024 * 1024
const isHeavy = (method: string): boolean => method.startsWith('expert.') || method.startsWith('data.')

/** How often a caller of this class may call this method; `expert.*` and `data.*` cost models and are counted apart. */
export function rateOf(service: ServiceClass, share: number, method: string): Rate {
  const rate = (callsPerSecond: number, burstSeconds: number, bytesPerSecond: number): Rate => ({
    callsPerSecond,
    callsBurst: Math.max(1, callsPerSecond * burstSeconds),
    bytesPerSecond,
  })
  switch (service) {
    case 'V':
      return isHeavy(method) ? rate(Math.max(0.2, 100 * share), 10, 8 * MIB) : rate(5, 2, 8 * MIB)
    case 'A':
      return rate(Infinity, 1, Infinity)
    case 'R':
      return isHeavy(method) ? rate(0.2, 10, MIB) : rate(1, 2, MIB)
    case 'O':
      return isHeavy(method) ? rate(0, 0, 0) : rate(1, 60, 64 * 1024)
  }
}
/** Name of the bucket that a method draws from. */
export const bucketOf = (method: string): 'heavy' | 'light' => (isHeavy(method) ? 'heavy' : 'light')
