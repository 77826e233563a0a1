/** What the API needs; it sees ports and nothing else. */
import type { Bench } from '../protocol/ports/bench.ts'
import type { PowCompute, SignatureCompute, TensorCompute } from '../protocol/ports/compute.ts'
import type { Gateway } from '../protocol/ports/gateway.ts'
import type { Ledger } from '../protocol/ports/ledger.ts'
import type { NodeInfo } from '../protocol/ports/node-info.ts'
import type { Clock, Log, Random } from '../protocol/ports/platform.ts'
import type { RecordTable } from '../protocol/ports/records.ts'
import type { Holder, Tokens } from './tokens.ts'
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'

export interface ApiParts {
  ledger: Ledger
  /** Absent on a node without a gateway; completions are then refused by name. */
  gateway: Gateway | null
  compute: { pow: Pick<PowCompute, 'solve'>; tensor: Pick<TensorCompute, 'devices'>; signature: Pick<SignatureCompute, 'verify'> }
  info: NodeInfo
  /** Absent on a node that does not measure. */
  bench: Bench | null
  tokenTable: RecordTable
  clock: Clock
  random: Random
  log: Log
}
/** Parts as the routes see them. */
export interface RouteParts extends ApiParts {
  tokens: Tokens
}
/** Fastify with TypeBox types. */
export type Server = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the permission check is through; null for open routes and free reads. */
    holder: Holder | null
  }
}
