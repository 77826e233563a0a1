/** What host and worker say to each other about one ledger: plain values only, so that everything can be structured-cloned. */
import { isErrorCode, NodeError } from '../../../protocol/errors.ts'
import type { BlockEvents, Ledger, QueryName, Receipt } from '../../../protocol/ports/ledger.ts'
import type { LogData, Signer } from '../../../protocol/ports/platform.ts'

/** `call` numbers a request of the host; every answer carries it. `next` asks a subscription for one block: nothing is pushed. */
export type ToWorker =
  | { type: 'submit'; call: number; bytes: Uint8Array }
  | { type: 'abort'; call: number }
  | { type: 'query'; call: number; name: QueryName; args: unknown[] }
  | { type: 'subscribe'; call: number; from: number }
  | { type: 'next'; call: number }
  | { type: 'unsubscribe'; call: number }
  | { type: 'signed'; call: number; signature: Uint8Array | null; reason: string }
  | { type: 'close' }

export type ToHost =
  | { type: 'ready'; chain: Ledger['chain'] }
  | { type: 'receipt'; call: number; receipt: Receipt }
  | { type: 'answer'; call: number; value: unknown }
  | { type: 'block'; call: number; block: BlockEvents | null }
  | { type: 'error'; call: number; error: PlainError }
  /** The orderer's key stays with the host. */
  | { type: 'sign'; call: number; message: Uint8Array }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; data: LogData | undefined }
  /** The last message: null after an orderly close. */
  | { type: 'stopped'; error: PlainError | null }

/** An error without its class. */
export interface PlainError {
  code: string
  message: string
  data: NodeError['data']
}

export const plainError = (error: unknown): PlainError =>
  error instanceof NodeError
    ? { code: error.code, message: error.message, data: { ...error.data } }
    : { code: '', message: error instanceof Error ? error.message : String(error), data: {} }

export const nodeError = ({ code, message, data }: PlainError): NodeError =>
  isErrorCode(code) ? new NodeError(code, data) : new NodeError('LEDGER_STOPPED', { detail: message })

/** One end of a channel; `Worker`, `parentPort` and `MessagePort` are such ends. */
export interface End<Out, In> {
  postMessage(message: Out): void
  on(event: 'message', listener: (message: In) => void): unknown
}

/** What a worker needs beside its parts: which signer its blocks name. */
export interface SignerFacts {
  scheme: Signer['scheme']
  publicKey: Uint8Array
}
