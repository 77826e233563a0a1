/** The real program as a child process: its events as they come, and its end. */
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname

export interface NodeLine {
  event: string
  [name: string]: unknown
}
export interface NodeProcess {
  readonly child: ChildProcess
  readonly lines: NodeLine[]
  /** What it wrote to stderr so far. */
  stderr(): string
  /** The first event of that name, past or to come; rejects when the process ends before. */
  event(name: string): Promise<NodeLine>
  /** Sends a signal and gives exit code and signal. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** How to start the program: a command and the arguments before its own. */
export interface Program {
  command: string
  args?: readonly string[]
  /** All its variables; absent: those of the tests. */
  env?: NodeJS.ProcessEnv
}
const SOURCES: Program = { command: process.execPath, args: [MAIN] }

const begin = ({ command, args = [], env }: Program, more: readonly string[]): ChildProcessByStdio<null, Readable, Readable> =>
  spawn(command, [...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'], ...(env && { env }) })

/** `taumesh start --json` on any free port. */
export const startNode = (dataFolder: string, ...more: string[]): NodeProcess => startNodeOf(SOURCES, dataFolder, ...more)

/** The same of another program than the sources. */
export function startNodeOf(program: Program, dataFolder: string, ...more: string[]): NodeProcess {
  const child = begin(program, ['start', '--data', dataFolder, '--http', '127.0.0.1:0', '--json', ...more])
  const lines: NodeLine[] = []
  let stderr = ''
  let ended = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const one of waiting) one()
  }
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-100_000)))
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as NodeLine)
    wake()
  })
  child.once('close', () => {
    ended = true
    wake()
  })
  return {
    child,
    lines,
    stderr: () => stderr,
    event: (name) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(({ event }) => event === name)
          if (found !== undefined) resolve(found)
          else if (ended) reject(new Error(`the node ended before '${name}': ${stderr.slice(-2_000)}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      }),
    async end(signal) {
      const exit = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
      child.kill(signal)
      const [code, by] = await exit
      return { code, signal: by }
    },
  }
}

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs one command to its end. */
export const taumesh = (...args: string[]): Promise<Ended> => runOf(SOURCES, ...args)

/** The same of another program than the sources. */
export async function runOf(program: Program, ...args: string[]): Promise<Ended> {
  const child = begin(program, args)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
