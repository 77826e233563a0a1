/** Completions in the OpenAI format, answered by the mixture; each answer names the experts that carried it. */
import type { FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import { utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { CompletionEvent, CompletionRequest, ExpertShare } from '../protocol/ports/gateway.ts'
import { address, Count } from '../protocol/views/text.ts'
import { asNodeError, errorBody } from './errors.ts'
import type { RouteParts, Server } from './parts.ts'

/** The mixture is one model to its users. */
const MODEL = 'taumesh'
const PROMPT_BYTES_MAX = 16_384

const Stop = Type.String({ minLength: 1, maxLength: 64 })
const CompletionBody = Type.Object(
  {
    model: Type.Optional(Type.String({ maxLength: 64 })),
    prompt: Type.String({ minLength: 1, maxLength: PROMPT_BYTES_MAX }),
    max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024, description: 'Bytes to write; a token is a byte. Default 96.' })),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
    top_p: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    seed: Type.Optional(Type.Integer({ minimum: 0 })),
    stop: Type.Optional(Type.Union([Stop, Type.Array(Stop, { maxItems: 4 })])),
    stream: Type.Optional(Type.Boolean()),
    n: Type.Optional(Type.Literal(1)),
    user: Type.Optional(Type.String({ maxLength: 128 })),
  },
  { additionalProperties: false },
)
type CompletionBody = Static<typeof CompletionBody>

const ShareView = Type.Object({ uid: Type.Integer({ minimum: -1 }), hotkey: Type.String(), kind: Type.String(), share: Type.Number() })
type ShareView = Static<typeof ShareView>
const Usage = Type.Object({ prompt_tokens: Count, completion_tokens: Count, total_tokens: Count })
const CompletionView = Type.Object({
  id: Type.String(),
  object: Type.Literal('text_completion'),
  created: Count,
  model: Type.String(),
  choices: Type.Array(Type.Object({ index: Count, text: Type.String(), finish_reason: Type.String(), logprobs: Type.Null() })),
  usage: Usage,
  taumesh: Type.Object({ experts: Type.Array(ShareView) }),
})

/** uid -1 is the public fallback, which has no hotkey. */
const shareView = (one: ExpertShare): ShareView => ({
  ...one,
  hotkey: one.uid < 0 ? '' : address(one.hotkey),
  share: Math.round(one.share * 1e4) / 1e4,
})

function requestOf(body: CompletionBody, random: RouteParts['random']): CompletionRequest {
  const prompt = utf8(body.prompt)
  if (prompt.length > PROMPT_BYTES_MAX)
    throw new NodeError('API_REQUEST_INVALID', { detail: `the prompt has more than ${PROMPT_BYTES_MAX} bytes` })
  const seed = body.seed === undefined ? new DataView(random.bytes(8).buffer).getBigUint64(0) : BigInt(body.seed)
  return {
    prompt,
    maxBytes: body.max_tokens ?? 96,
    temperature: body.temperature ?? 0.7,
    topP: body.top_p ?? 0.95,
    seed,
    stop: [body.stop ?? []].flat().map(utf8),
  }
}

/** Server-sent events in the OpenAI form; a character goes out when its last byte is there. */
async function stream(reply: FastifyReply, base: { id: string; created: number }, events: AsyncIterable<CompletionEvent>): Promise<void> {
  const { raw } = reply
  const decoder = new TextDecoder()
  const send = async (value: unknown): Promise<void> => {
    if (!raw.write(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`))
      await new Promise((resolve) => {
        raw.once('drain', resolve)
        raw.once('close', resolve)
      })
  }
  const piece = (text: string, finish: string | null, taumesh: unknown): unknown => ({
    ...base,
    object: 'text_completion',
    model: MODEL,
    choices: [{ index: 0, text, finish_reason: finish, logprobs: null }],
    taumesh,
  })
  for await (const event of events) {
    if (event.type === 'start') await send(piece('', null, { experts: event.experts.map(shareView) }))
    else if (event.type === 'byte')
      await send(
        piece(decoder.decode(Uint8Array.of(event.byte), { stream: true }), null, { byte: event.byte, shares: event.shares.map(shareView) }),
      )
    else
      await send(
        piece(decoder.decode(), event.reason, {
          experts: event.experts.map(shareView),
          promptBytes: event.promptBytes,
          completionBytes: event.completionBytes,
        }),
      )
  }
  await send('[DONE]')
}

export function completionRoutes(server: Server, { gateway, random, clock }: RouteParts): void {
  server.post('/v1/completions', {
    schema: {
      summary: 'Complete a text by the mixture of experts (OpenAI format, streaming with "stream": true). Needs stake.',
      tags: ['models'],
      body: CompletionBody,
      response: { 200: CompletionView },
    },
    handler: async (request, reply) => {
      if (gateway === null) throw new NodeError('API_NO_GATEWAY')
      if (request.holder === null) throw new NodeError('API_UNAUTHENTICATED')
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const base = { id: `cmpl-${Buffer.from(random.bytes(12)).toString('hex')}`, created: Math.floor(clock.now() / 1000) }
      const events = gateway.complete(request.holder.coldkey, requestOf(request.body, random), gone.signal)
      if (request.body.stream === true) {
        // The first event decides between an error status and a stream.
        const first = await events.next()
        void reply.hijack()
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        try {
          await stream(reply, base, chain(first, events))
        } catch (error) {
          reply.raw.write(`data: ${JSON.stringify(errorBody(asNodeError(error)))}\n\n`)
        }
        reply.raw.end()
        return reply
      }
      const bytes: number[] = []
      for await (const event of events) {
        if (event.type === 'byte') bytes.push(event.byte)
        if (event.type !== 'end') continue
        return {
          ...base,
          object: 'text_completion' as const,
          model: MODEL,
          choices: [{ index: 0, text: new TextDecoder().decode(Uint8Array.from(bytes)), finish_reason: event.reason, logprobs: null }],
          usage: {
            prompt_tokens: event.promptBytes,
            completion_tokens: event.completionBytes,
            total_tokens: event.promptBytes + event.completionBytes,
          },
          taumesh: { experts: event.experts.map(shareView) },
        }
      }
      throw new NodeError('API_INTERNAL')
    },
  })
}

async function* chain<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  if (first.done === true) return
  yield first.value
  yield* rest
}
