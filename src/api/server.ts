/** The HTTP server: hardened defaults (reliability.md 9.1), strict bodies, one permission table, OpenAPI from the routes. */
import { existsSync } from 'node:fs'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import scalar from '@scalar/fastify-api-reference'
import fastify, { type ValidationResult } from 'fastify'
import { NodeError } from '../protocol/errors.ts'
import { parseStrictJson } from '../protocol/strict-json.ts'
import { benchRoutes } from './bench-routes.ts'
import { completionRoutes } from './completion-routes.ts'
import { errorHandler } from './errors.ts'
import { eventRoutes } from './event-routes.ts'
import { guard } from './guard.ts'
import { accountRoutes, blockRoutes, epochRoutes, marketRoutes } from './ledger-routes.ts'
import { nodeRoutes, tokenRoutes } from './node-routes.ts'
import type { ApiOptions } from './options.ts'
import type { ApiParts, RouteParts, Server } from './parts.ts'
import { powRoutes } from './pow-routes.ts'
import { tokens, type Tokens } from './tokens.ts'

const BODY_BYTES_MAX = 65_536
/** The largest body that a route takes (a transaction in hex) was counted in bytes before; this only bounds the scan. */
const TEXT_LENGTH_MAX = 262_144
const JSON_DEPTH_MAX = 32
const ANONYMOUS_PER_MINUTE = 60
const TOKEN_PER_MINUTE = 600

export interface Api {
  readonly server: Server
  readonly tokens: Tokens
  /** Starts listening and gives the URL. @throws NodeError API_PORT_IN_USE */
  listen(): Promise<string>
  close(): Promise<void>
}

const create = (log: ApiParts['log']): Server =>
  fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    connectionTimeout: 0, // an idle event stream is a healthy connection; slow requests end by the two limits below
    requestTimeout: 10_000,
    keepAliveTimeout: 30_000,
    maxRequestsPerSocket: 1_000,
    forceCloseConnections: true,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    trustProxy: false,
    routerOptions: { maxParamLength: 100, caseSensitive: true, ignoreTrailingSlash: false },
    http: { maxHeaderSize: 16_384 },
    // Query and path values arrive as text, so these alone are coerced; bodies never are.
    schemaErrorFormatter: (errors, where) => {
      const [first] = errors
      const at = `${where}${(first?.instancePath ?? '').replaceAll('/', '.')}`
      return new Error(`${at} ${first?.message ?? 'is not valid'}${first === undefined ? '' : named(first)}`)
    },
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true, allErrors: false, strict: true, strictTypes: false },
    },
    frameworkErrors: (error, request, reply) => errorHandler(log)(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>()

/** What the validator leaves out of its message: the property that is too much, the values there are. */
function named({ keyword, params }: ValidationResult): string {
  if (keyword === 'additionalProperties') return ` '${String(params['additionalProperty'])}'`
  return keyword === 'enum' ? `: ${(params['allowedValues'] as unknown[]).join(', ')}` : ''
}

/** One JSON parser in place of every default one; the type must be spelled exactly, so that none slips past validation. */
function parseBodies(server: Server): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(/^application\/json(?:; ?charset=utf-8)?$/i, { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(body as string, { what: 'the body', lengthMax: TEXT_LENGTH_MAX, depthMax: JSON_DEPTH_MAX }))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Query values are text: those whose schema wants a number become one when they are written as a plain number. */
function numericQueries(server: Server): void {
  const isNumeric = (schema: unknown): boolean => (schema as { type?: string } | undefined)?.type === 'integer'
  server.addHook('preValidation', async (request) => {
    const schema = request.routeOptions.schema
    for (const [part, values] of [
      [schema?.querystring, request.query],
      [schema?.params, request.params],
    ] as [{ properties?: Record<string, unknown> } | undefined, Record<string, unknown> | undefined][])
      for (const [name, property] of Object.entries(part?.properties ?? {})) {
        const value = values?.[name]
        if (values !== undefined && isNumeric(property) && typeof value === 'string' && /^(0|[1-9]\d{0,14})$/.test(value))
          values[name] = Number(value)
      }
  })
}

async function documents(server: Server, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'taumesh node', version, description: 'Read freely on loopback; whatever acts needs a bearer token.' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
      tags: ['ledger', 'models', 'node', 'pow', 'bench'].map((name) => ({ name })),
    },
  })
}

async function limits(server: Server): Promise<void> {
  await server.register(underPressure, {
    maxEventLoopDelay: 5_000,
    // A loop that was blocked for a whole interval counts as blocked forever: the interval must not be shorter than the limit.
    sampleInterval: 5_000,
    maxRssBytes: 4 * 2 ** 30,
    retryAfter: 5,
    exposeStatusRoute: false,
  })
  await server.register(rateLimit, {
    max: (request) => (request.holder === null ? ANONYMOUS_PER_MINUTE : TOKEN_PER_MINUTE),
    timeWindow: 60_000,
    keyGenerator: (request) => request.holder?.coldkey ?? request.ip,
    // The dashboard of a local network reads often, from this very machine.
    allowList: (request) => /^(?:127\.|::1$|::ffff:127\.)/.test(request.ip) && !request.url.startsWith('/v1/tokens'),
    hook: 'preHandler',
    errorResponseBuilder: (_request, { ttl }) => new NodeError('API_RATE_LIMITED', { seconds: Math.ceil(ttl / 1000) }),
  })
}

async function pages(server: Server, dashboard: string | null): Promise<void> {
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
  await server.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      title: 'taumesh API',
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: 'never',
      agent: { disabled: true },
    },
  })
  if (dashboard === null || !existsSync(dashboard)) return
  await server.register(fastifyStatic, { root: dashboard, prefix: '/', wildcard: true })
}

/** Builds the server with every route; nothing listens yet. */
export async function api(options: ApiOptions, parts: ApiParts): Promise<Api> {
  const { ledger, log } = parts
  const server = create(log)
  const issued = tokens(
    { genesis: ledger.chain.genesis },
    { table: parts.tokenTable, signature: parts.compute.signature, clock: parts.clock, random: parts.random },
  )
  const routeParts: RouteParts = { ...parts, tokens: issued }
  server.setErrorHandler(errorHandler(log))
  server.setNotFoundHandler((request) => {
    throw new NodeError('API_NOT_FOUND', { path: request.url.slice(0, 120) })
  })
  parseBodies(server)
  numericQueries(server)
  guard(server, { hosts: options.hosts }, issued)
  await server.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        scriptSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        upgradeInsecureRequests: null,
      },
    },
    strictTransportSecurity: false,
  })
  await limits(server)
  await documents(server, parts.info.version)
  for (const routes of [
    marketRoutes,
    epochRoutes,
    accountRoutes,
    blockRoutes,
    eventRoutes,
    nodeRoutes,
    tokenRoutes,
    completionRoutes,
    powRoutes,
    benchRoutes,
  ])
    routes(server, routeParts)
  await pages(server, options.dashboard)
  await server.ready()
  return {
    server,
    tokens: issued,
    async listen() {
      try {
        return await server.listen({ host: options.host, port: options.port })
      } catch (error) {
        throw new NodeError('API_PORT_IN_USE', {
          address: `${options.host}:${options.port}`,
          detail: error instanceof Error ? error.message : String(error),
        })
      }
    },
    async close() {
      await server.close()
    },
  }
}
