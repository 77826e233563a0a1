/** The one place where errors become HTTP: a stable code, one line, never a stack trace. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { NodeError, type ErrorCode } from '../protocol/errors.ts'
import type { Log } from '../protocol/ports/platform.ts'
import type { ErrorView } from '../protocol/views/text.ts'

/** Fastify's own refusals in our codes. */
const known: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'API_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'API_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'JSON_INVALID',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'API_REQUEST_INVALID',
  FST_UNDER_PRESSURE: 'API_OVERLOADED',
}

/** The `NodeError` for whatever a route threw. */
export function asNodeError(error: unknown): NodeError {
  if (error instanceof NodeError) return error
  const { code, validation, message, statusCode } = error as Partial<FastifyError>
  if (validation !== undefined) return new NodeError('API_REQUEST_INVALID', { detail: String(message).slice(0, 300) })
  const ours = known[code ?? '']
  if (ours !== undefined) return new NodeError(ours, { what: 'the body', detail: String(message) })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new NodeError('API_REQUEST_INVALID', { detail: String(message).slice(0, 300) })
  return new NodeError('API_INTERNAL', {}, { cause: error })
}

export const errorBody = (error: NodeError): ErrorView => ({ error: { code: error.code, message: error.message, retry: error.row.retry } })

/** Fastify's error handler. */
export const errorHandler =
  (log: Log) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = asNodeError(thrown)
    if (error.row.http >= 500)
      log.warn('request failed', {
        route: request.routeOptions.url,
        code: error.code,
        cause: error.cause instanceof Error ? error.cause.message : '',
      })
    if (error.row.retry === 'later') void reply.header('retry-after', '5')
    void reply.status(error.row.http).send(errorBody(error))
  }
