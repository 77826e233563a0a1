/** The real program as a child process: its events as they come, and its end. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

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

/** `taumesh start --json` on any free port. */
export function startNode(dataFolder: string, ...more: string[]): NodeProcess {
  const child = spawn(process.execPath, [MAIN, 'start', '--data', dataFolder, '--http', '127.0.0.1:0', '--json', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
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

/** Runs one command to its end. */
export async function taumesh(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
