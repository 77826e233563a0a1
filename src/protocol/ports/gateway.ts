/** What the API asks of the gateway: an answer by the best experts, for a caller with stake. */
import type { Hex } from '../bytes.ts'

export interface CompletionRequest {
  prompt: Uint8Array
  maxBytes: number
  /** 0 = most likely byte. */
  temperature: number
  /** Nucleus, (0, 1]. */
  topP: number
  /** The same seed, experts and prompt give the same text. */
  seed: bigint
  stop: readonly Uint8Array[]
}
/** Share of one expert in a byte, or in the whole answer; uid -1 is the public fallback. Shares sum to 1. */
export interface ExpertShare {
  uid: number
  hotkey: Hex
  kind: string
  share: number
}
export type CompletionEvent =
  | { type: 'start'; experts: ExpertShare[] }
  | { type: 'byte'; byte: number; shares: ExpertShare[] }
  | { type: 'end'; reason: 'stop' | 'length'; experts: ExpertShare[]; promptBytes: number; completionBytes: number }

export interface Gateway {
  /** @throws NodeError GATEWAY_NO_STAKE when the coldkey has less staked than the market's minimum, GATEWAY_BUSY, GATEWAY_NO_EXPERT */
  complete(coldkey: Hex, request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<CompletionEvent, void>
}
