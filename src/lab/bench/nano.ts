/** The model whose speed is measured: the nano transformer, and how much of it (native.md, Commands). */
import { availableParallelism } from 'node:os'

export const CONTEXT = 256
export const BATCH = 32
export const NANO = { kind: 'transformer', width: 64, layers: 3, heads: 4, context: CONTEXT } as const
/** Bytes that a stream generates in one run. */
export const GENERATED = 200
/** A model computes on all cores. */
export const THREADS = availableParallelism()
