/** `taumesh start`: a whole local network in this process, after its set-up in a child that ends first. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { benchService } from '../lab/bench/service.ts'
import { createLog, type LogLevel } from '../node/log.ts'
import { startLocalNode, type RunningNode } from '../node/local-node.ts'
import type { NodeEvent } from '../node/events.ts'
import { NodeError } from '../protocol/errors.ts'
import { dataOption, integer, jsonOption } from './flags.ts'
import { fail, tau, toJson } from './output.ts'

/** A clean stop takes at most this long; then the process ends anyway, which loses nothing that was acknowledged. */
const STOP_MS_MAX = 10_000

interface StartOptions {
  data: string
  http: { host: string; port: number }
  miners: number
  validators: number
  corpus?: string
  log: LogLevel
  json?: boolean
}

function httpAddress(text: string): { host: string; port: number } {
  const found = /^(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})$/.exec(text)
  const port = Number(found?.[2])
  if (found === null || port > 65_535) throw new InvalidArgumentError(`'${text.slice(0, 40)}' is not HOST:PORT.`)
  const host = (found[1] ?? '').replace(/^\[|\]$/g, '')
  if (!/^(127\.[\d.]+|::1|localhost)$/.test(host)) throw new InvalidArgumentError('a local network listens on loopback only.')
  return { host, port }
}

/** Runs the set-up as a child process. @throws NodeError when it failed; the child has said why */
function setUp({ data, miners, validators }: StartOptions): Promise<void> {
  // With the extension of this file: sources run as they are, the built package as JavaScript.
  const main = join(import.meta.dirname, `main${extname(import.meta.filename)}`)
  return new Promise((done, refuse) => {
    const child = spawn(
      process.execPath,
      [main, 'local-setup', '--data', data, '--miners', String(miners), '--validators', String(validators)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    child.on('error', refuse)
    child.on('exit', (code, signal) =>
      code === 0 ? done() : refuse(new NodeError('CLI_SETUP_FAILED', { detail: signal ?? `exit code ${code}` })),
    )
  })
}

const line: { [E in NodeEvent['event']]: (event: Extract<NodeEvent, { event: E }>) => string | null } = {
  ready: ({ url, seconds }) => `ready after ${seconds.toFixed(1)} s. Dashboard: ${url}   Ctrl-C stops.`,
  block: () => null,
  registered: ({ netuid, uid }) => `registered: neuron ${uid} of market ${netuid}`,
  first_completion: ({ seconds, prompt, text, experts }) =>
    `first completion after ${seconds.toFixed(1)} s\n  ${prompt}|${text.replaceAll('\n', ' ')}\n  by ${experts
      .filter(({ share }) => share >= 0.05)
      .map(({ kind, share }) => `${kind} ${(100 * share).toFixed(0)} %`)
      .join(', ')}`,
  epoch: ({ netuid, epoch, height, paid, byWeights }) =>
    netuid === 1 ? `epoch ${epoch} at height ${height}: ${tau(paid)}${byWeights ? ' by revealed weights' : ''}` : null,
  first_epoch_paid: ({ seconds, height }) => `first epoch paid by weights after ${seconds.toFixed(1)} s, at height ${height}`,
  stopped: ({ seconds }) => `stopped cleanly after ${seconds.toFixed(1)} s`,
}
function tell(event: NodeEvent, json: boolean): void {
  if (json) process.stdout.write(`${toJson(event)}\n`)
  else {
    const text = (line[event.event] as (one: NodeEvent) => string | null)(event)
    if (text !== null) process.stdout.write(`${text}\n`)
  }
}

/** Waits for a signal or a failure, then closes. */
async function run(node: RunningNode, json: boolean): Promise<void> {
  const signalled = new Promise<null>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done(null))
  })
  const failure = await Promise.race([signalled, node.failed])
  const timer = setTimeout(() => process.exit(1), STOP_MS_MAX)
  timer.unref()
  await node.close()
  if (failure === null) tell({ event: 'stopped', seconds: Math.round(performance.now()) / 1000 }, json)
  else fail(failure)
}

async function start(options: StartOptions): Promise<void> {
  const json = options.json === true
  const data = resolve(options.data)
  await setUp({ ...options, data })
  const given = options.corpus === undefined ? null : resolve(options.corpus)
  const prepared = given !== null && existsSync(join(given, 'manifest.json'))
  const dashboard = join(import.meta.dirname, '../../dist/dashboard')
  const node = await startLocalNode(
    {
      dataFolder: data,
      http: options.http,
      corpus: prepared ? given : join(data, 'corpus'),
      ownText: prepared ? null : given,
      dashboard: existsSync(dashboard) ? dashboard : null,
    },
    { log: createLog(options.log), onEvent: (event) => tell(event, json), bench: (parts) => benchService({ dataFolder: data }, parts) },
  )
  await run(node, json)
}

export function startCommand(program: Command): void {
  program
    .command('start')
    .description('start a local network: ledger, miners, validators, gateway, API and dashboard in one process')
    .addOption(new Option('--local', 'a local network (the only kind so far)').default(true).hideHelp())
    .addOption(dataOption())
    .addOption(
      new Option('--http <host:port>', 'where API and dashboard listen; port 0 = any')
        .argParser(httpAddress)
        .default({ host: '127.0.0.1', port: 8420 }, '127.0.0.1:8420'),
    )
    .addOption(new Option('--miners <n>', 'miners of a new network').argParser(integer(1, 64)).default(8))
    .addOption(new Option('--validators <n>', 'validators of a new network').argParser(integer(1, 16)).default(3))
    .addOption(new Option('--corpus <folder>', 'your own text, which the last miner learns from; or a corpus that taumesh corpus prepared'))
    .addOption(
      new Option('--log <level>', 'what is logged on stderr').choices(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
    )
    .addOption(jsonOption())
    .action(start)
}
