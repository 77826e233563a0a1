/**
 * A GPU program that is none, in TypeScript: it speaks the frames of `native/gpu`, computes on the CPU, and misbehaves as
 * TAUMESH_GPU_FAKE says: `{"calls": [{"at": 2, "do": "garbage"}, {"from": 5, "do": "hang"}], "count": FILE}`. Calls are
 * jobs, counted from 0, over all its lives where `count` names a file; `hello` and `list` say what it does in place of
 * greeting and of listing its device. It imports little, because tests start it hundreds of times.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, writeSync } from 'node:fs'
import { keccak_256 } from '@noble/hashes/sha3.js'

export type Deed =
  // What a driver does.
  | 'fail'
  | 'memory'
  | 'wrong'
  | 'nan'
  | 'blind'
  | 'hang'
  | 'exit'
  | 'segv'
  | 'abort'
  | 'freeze'
  // What bytes may do.
  | 'garbage'
  | 'huge'
  | 'header'
  | 'text'
  | 'list'
  | 'partial'
  | 'cut'
  | 'stranger'
  | 'twice'
  | 'long'
  | 'short'
  | 'field'
  | 'mute'
  | 'version'
export interface FakeScript {
  calls?: ({ do: Deed } & ({ at: number } | { from: number }))[]
  hello?: Deed
  list?: Deed
  count?: string
}

type Header = Record<string, unknown>
const script = JSON.parse(process.env['TAUMESH_GPU_FAKE'] ?? '{}') as FakeScript
const cancelled = new Set<number>()
let calls = 0

/** The index of this call; a file of one byte per call remembers it over deaths. */
function nextCall(): number {
  if (script.count === undefined) return calls++
  const index = existsSync(script.count) ? readFileSync(script.count).length : 0
  appendFileSync(script.count, '.')
  return index
}

/** Writes at once, so that what was written before a death is there. */
function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') process.exit(0)
    }
  }
}

function frame(header: Header, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(8)
  head.writeUInt32LE(4 + text.length + payload.length, 0)
  head.writeUInt32LE(text.length, 4)
  return Buffer.concat([head, text, payload])
}
const send = (header: Header, payload?: Uint8Array): void => write(frame(header, payload))

function lengths(rest: number, header: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(rest, 0)
  bytes.writeUInt32LE(header, 4)
  return bytes
}

/** Deeds that replace the answer `ok` with its payload. */
function misbehave(deed: Deed, id: number, ok: Header, payload: Uint8Array): void {
  const whole = frame({ id, ok }, payload)
  const answers: Partial<Record<Deed, () => void>> = {
    fail: () => send({ id, error: { code: 'GPU_DEVICE_LOST', text: 'as it was told' } }),
    memory: () => send({ id, error: { code: 'GPU_MEMORY', text: '2 GiB of 1 GiB free' } }),
    exit: () => process.exit(3),
    segv: () => process.kill(process.pid, 'SIGSEGV'),
    abort: () => process.kill(process.pid, 'SIGABRT'),
    freeze: () => process.kill(process.pid, 'SIGSTOP'),
    garbage: () => write(createHash('sha512').update(String(id)).digest()),
    huge: () => write(lengths(2 ** 30 + 1, 2)),
    header: () => write(lengths(2 ** 20, 65_537)),
    text: () => write(Buffer.concat([lengths(4 + 6, 6), Buffer.from('{"id":')])),
    list: () => write(Buffer.concat([lengths(4 + 2, 2), Buffer.from('[]')])),
    partial: () => write(whole.subarray(0, whole.length - 1)),
    cut: () => {
      write(whole.subarray(0, whole.length - 1))
      process.exit(0)
    },
    stranger: () => send({ id: id + 1_000, ok }, payload),
    twice: () => write(Buffer.concat([whole, whole])),
    long: () => send({ id, ok }, Buffer.concat([payload, Buffer.alloc(4)])),
    short: () => send({ id, ok: {} }, payload.subarray(0, Math.max(0, payload.length - 4))),
    field: () => send({ id, ok, more: 1 }, payload),
    version: () => send({ id, ok: { ...ok, version: 2 } }, payload),
  }
  // `hang` and `mute` have no answer.
  answers[deed]?.()
}

function sealMeets(inner: Uint8Array, nonce: bigint, difficulty: bigint): boolean {
  const message = Buffer.alloc(40)
  message.writeBigUInt64LE(nonce, 0)
  message.set(inner, 8)
  const seal = keccak_256(createHash('sha256').update(message).digest())
  return BigInt(`0x${Buffer.from(seal).toString('hex')}`) * difficulty < 2n ** 256n
}

async function search(id: number, header: Header, deed: Deed | undefined): Promise<Header> {
  const [start, count, difficulty] = ['start', 'count', 'difficulty'].map((name) => BigInt(String(header[name]))) as [
    bigint,
    bigint,
    bigint,
  ]
  const inner = Buffer.from(String(header['inner']), 'hex')
  const wrong = deed === 'wrong'
  if (deed === 'blind') return { nonce: null, hashes: String(count) }
  for (let at = 0n; at < count; at += 1n) {
    if (at % 64n === 0n) {
      await new Promise((resolve) => setImmediate(resolve))
      if (cancelled.has(id)) return {}
      if (at % 1_024n === 0n) send({ id, progress: { done: Number(at), total: Number(count) } })
    }
    if (sealMeets(inner, start + at, difficulty)) return { nonce: String(start + at + (wrong ? 1n : 0n)), hashes: String(at + 1n) }
  }
  return { nonce: wrong ? String(start) : null, hashes: String(count) }
}

const arrays = { f32: Float32Array, f16: Uint16Array, bf16: Uint16Array, int8: Int8Array }
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1_023]
  return (bits & 0x8000 ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1_024) * 2 ** (exponent - 15))
}
const bfloat = (bits: number): number => new DataView(Uint32Array.of(bits << 16).buffer).getFloat32(0, true)

function matmul(header: Header, payload: Uint8Array): Float32Array | Int32Array {
  const { m, k, n, batch = 1 } = header as { m: number; k: number; n: number; batch?: number }
  const dtype = header['dtype'] as keyof typeof arrays
  const value = { f32: Number, int8: Number, f16: half, bf16: bfloat }[dtype]
  const stored = new arrays[dtype](new Uint8Array(payload).buffer)
  const read = (at: number): number => value(stored[at] ?? NaN)
  const c = new (dtype === 'int8' ? Int32Array : Float32Array)(batch * m * n)
  for (let at = 0; at < c.length; at++) {
    const [index, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
    let sum = 0
    for (let l = 0; l < k; l++) {
      const a = index * m * k + (header['transposeA'] === true ? l * m + i : i * k + l)
      const b = batch * m * k + index * k * n + (header['transposeB'] === true ? j * k + l : l * n + j)
      sum += read(a) * read(b)
    }
    c[at] = sum
  }
  return c
}

async function work(id: number, header: Header, payload: Uint8Array): Promise<void> {
  const index = nextCall()
  const deed = script.calls?.find((call) => ('at' in call ? call.at === index : index >= call.from))?.do
  const wrong = deed === 'wrong'
  if (deed === 'hang') return
  if (header['op'] === 'seal.search') {
    const ok = await search(id, header, deed)
    if (cancelled.has(id)) send({ id, error: { code: 'GPU_CANCELLED', text: 'cancelled' } })
    else if (deed === undefined || wrong || deed === 'blind') send({ id, ok })
    else misbehave(deed, id, ok, new Uint8Array(0))
    return
  }
  const c = matmul(header, payload)
  if (wrong) c[c.length - 1] = (c[c.length - 1] ?? 0) + 1
  if (deed === 'nan') c[0] = NaN
  const bytes = new Uint8Array(c.buffer)
  if (deed === undefined || wrong || deed === 'nan') send({ id, ok: {} }, bytes)
  else misbehave(deed, id, {}, bytes)
}

const device = {
  id: 'fake:0',
  backend: 'fake',
  name: 'Fake device',
  memoryBytes: 2 ** 30,
  driver: 'none',
  features: ['f32'],
  usable: true,
  reason: null,
}

function take(header: Header, payload: Uint8Array): void {
  if (header['op'] === 'cancel' && typeof header['cancel'] === 'number') {
    cancelled.add(header['cancel'])
    return
  }
  const id = header['id'] as number
  const answer = (deed: Deed | undefined, ok: Header): void =>
    deed === undefined ? send({ id, ok }) : misbehave(deed, id, ok, new Uint8Array(0))
  if (header['op'] === 'hello') answer(script.hello, { version: 1, pid: process.pid })
  else if (header['op'] === 'devices') answer(script.list, { devices: [device] })
  else if (header['op'] === 'ping') answer(undefined, {})
  else void work(id, header, payload)
}

let buffer = Buffer.alloc(0)
process.stdin.on('data', (chunk: Buffer) => {
  buffer = Buffer.concat([buffer, chunk])
  while (buffer.length >= 8 && buffer.length >= 4 + buffer.readUInt32LE(0)) {
    const [end, headerEnd] = [4 + buffer.readUInt32LE(0), 8 + buffer.readUInt32LE(4)]
    const [header, payload] = [buffer.subarray(8, headerEnd), buffer.subarray(headerEnd, end)]
    buffer = buffer.subarray(end)
    take(JSON.parse(header.toString()) as Header, payload)
  }
})
process.stdin.on('end', () => process.exit(0))
