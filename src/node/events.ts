/** What a node tells whoever started it: one value per event, printed as a JSON line with `--json`. */
import type { ExpertShare } from '../protocol/ports/gateway.ts'

export type NodeEvent =
  | { event: 'ready'; url: string; seconds: number }
  | { event: 'block'; height: number; transactions: number }
  | { event: 'registered'; netuid: number; uid: number; hotkey: string }
  | { event: 'first_completion'; seconds: number; prompt: string; text: string; experts: ExpertShare[] }
  | { event: 'epoch'; netuid: number; epoch: bigint; height: number; paid: bigint; byWeights: boolean }
  | { event: 'first_epoch_paid'; seconds: number; height: number }
  | { event: 'stopped'; seconds: number }

/** Seconds since the process began. */
export const sinceStart = (): number => Math.round(performance.now()) / 1000
