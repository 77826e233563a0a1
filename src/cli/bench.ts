/** `taumesh bench`: what this machine hashes, multiplies, scores, trains and verifies per second, each answer checked first. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Argument, Option, type Command } from 'commander'
import { openHotkey } from '../keys/hotkey.ts'
import type { KeySigner } from '../keys/signer.ts'
import { history } from '../lab/bench/history.ts'
import { runBench } from '../lab/bench/run.ts'
import { openCompute } from '../node/compute.ts'
import { toHex } from '../protocol/bytes.ts'
import type { BenchEvent } from '../protocol/ports/bench.ts'
import { BENCH_SECONDS, BENCH_SUBJECTS, type BenchSubject } from '../protocol/views/bench.ts'
import { benchHistoryCommands } from './bench-history.ts'
import { metricLine, reportText } from './bench-text.ts'
import { benchVerifyCommand } from './bench-verify.ts'
import { bytes32, dataOption, integer, jsonOption } from './flags.ts'
import { print } from './output.ts'
import { passwordFdOption, readPassword } from './password.ts'
import { progress } from './progress.ts'

interface BenchOptions {
  seconds?: number
  threads: number
  backend?: string
  challenge?: Uint8Array
  sign?: boolean
  wallet: string
  hotkey: string
  passwordFd?: number
  report?: string
  keep: boolean
  data: string
  json?: boolean
}

const TICK_MS = 500

/** Says on stderr what is measured now and for how long already. */
function watcher(): { onEvent: (event: BenchEvent) => void; stop: () => void } {
  const bar = progress('measuring', 0)
  const began = performance.now()
  let now = ''
  const show = (): void => bar.update(0, `${now} (${((performance.now() - began) / 1_000).toFixed(0)} s)`)
  const timer = setInterval(show, TICK_MS)
  return {
    onEvent(event) {
      if (event.type !== 'now') return
      now = event.rounds > 1 ? `${event.metric}, round ${event.round} of ${event.rounds}` : event.metric
      show()
    },
    stop() {
      clearInterval(timer)
      bar.stop()
    },
  }
}

async function signerOf({ sign, wallet, hotkey, passwordFd, data }: BenchOptions): Promise<KeySigner | undefined> {
  if (sign !== true) return undefined
  const password = passwordFd === undefined ? null : await readPassword({ passwordFd }, false)
  return await openHotkey(join(data, 'wallets'), wallet, hotkey, openCompute(), { password })
}

async function measure(subject: BenchSubject, options: BenchOptions): Promise<void> {
  const { threads, backend, json } = options
  const seconds = options.seconds ?? BENCH_SECONDS[options.challenge === undefined ? 'plain' : 'proven']
  // The addon's pools read this when they begin, which is after here.
  process.env['RAYON_NUM_THREADS'] = String(threads)
  // Before anything is measured: nobody waits for a report that has no place.
  if (options.report !== undefined) closeSync(openSync(options.report, 'a'))
  const signer = await signerOf(options)
  const challenge = options.challenge === undefined ? undefined : toHex(options.challenge)
  const watch = watcher()
  const stop = new AbortController()
  try {
    const report = await runBench({ subject, backend, threads, seconds, challenge }, openCompute(), {
      signal: stop.signal,
      signer,
      onEvent: watch.onEvent,
    })
    watch.stop()
    if (json !== true) print(false, report, () => reportText(report))
    else for (const metric of report.metrics) print(true, metricLine(metric), '')
    if (json === true && report.noise.warnings.length > 0) process.stderr.write(`taumesh: noisy: ${report.noise.warnings.join('; ')}\n`)
    // Last, so that figures are shown even where they cannot be kept.
    if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(report)}\n`)
    if (options.keep) history(options.data, openCompute().signature).keep(report)
  } finally {
    watch.stop()
    signer?.close()
  }
}

export function benchCommand(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure this machine; answers are checked before they are timed')
    .addArgument(new Argument('[subject]', 'what to measure').choices([...BENCH_SUBJECTS, 'all']).default('all'))
    .addOption(new Option('--backend <name>', 'one solver or device alone; see taumesh devices'))
    .addOption(new Option('--threads <n>', 'threads').argParser(integer(1, 1_024)).default(availableParallelism()))
    .addOption(
      new Option(
        '--seconds <s>',
        `time of each figure (default: ${BENCH_SECONDS.plain}; ${BENCH_SECONDS.proven} with --challenge)`,
      ).argParser(integer(1, BENCH_SECONDS.most)),
    )
    .addOption(new Option('--challenge <hex>', "a verifier's 32 bytes: the report then carries proofs").argParser(bytes32))
    .addOption(new Option('--sign', "sign the report by a wallet's hotkey"))
    .addOption(new Option('--wallet <name>', 'wallet of the hotkey that signs').default('user'))
    .addOption(new Option('--hotkey <name>', 'hotkey that signs').default('gateway'))
    .addOption(passwordFdOption())
    .addOption(new Option('--report <file>', 'write the whole report as JSON'))
    .addOption(new Option('--no-keep', 'leave the report out of the history in the data folder'))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(measure)
  benchVerifyCommand(bench)
  benchHistoryCommands(bench)
}
