/** `taumesh pow`: solve a seal, or check seals of a file. */
import { Option, type Command } from 'commander'
import { toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { openCompute } from '../node/compute.ts'
import { bytes32, integer, jsonOption, readJsonFile, u64 } from './flags.ts'
import { print } from './output.ts'
import { progress } from './progress.ts'

interface SealEntry {
  block_hash: string
  hotkey: string
  nonce: string
  difficulty: string
}

function entries(path: string): { blockHash: Uint8Array; hotkey: Uint8Array; nonce: bigint; difficulty: bigint }[] {
  const value = readJsonFile(path)
  if (!Array.isArray(value) || value.length === 0) throw new NodeError('CLI_FILE', { path, detail: 'it holds no list of seals' })
  return (value as Partial<SealEntry>[]).map((entry, i) => {
    try {
      return {
        blockHash: bytes32(entry.block_hash ?? ''),
        hotkey: bytes32(entry.hotkey ?? ''),
        nonce: u64(entry.nonce ?? ''),
        difficulty: u64(entry.difficulty ?? ''),
      }
    } catch (error) {
      throw new NodeError('CLI_FILE', { path, detail: `entry ${i}: ${error instanceof Error ? error.message : String(error)}` })
    }
  })
}

export function powCommand(program: Command): void {
  const pow = program.command('pow').description('proof-of-work seals')
  pow
    .command('solve')
    .description('search for a nonce whose seal meets a difficulty')
    .addOption(new Option('--block-hash <hex>', 'hash of the block that the seal is for').argParser(bytes32).makeOptionMandatory())
    .addOption(new Option('--hotkey <hex>', 'public key of the neuron').argParser(bytes32).makeOptionMandatory())
    .addOption(new Option('--difficulty <n>', 'expected number of hashes').argParser(u64).makeOptionMandatory())
    .addOption(new Option('--backend <name>', 'solver or device (see taumesh devices), or all of them: all'))
    .addOption(new Option('--threads <n>', 'threads (default: one per core)').argParser(integer(1, 1_024)))
    .addOption(jsonOption())
    .action(
      async (options: {
        blockHash: Uint8Array
        hotkey: Uint8Array
        difficulty: bigint
        backend?: string
        threads?: number
        json?: boolean
      }) => {
        const { blockHash, hotkey, difficulty, backend, threads } = options
        const bar = progress('solving', 0)
        const stop = new AbortController()
        process.once('SIGINT', () => stop.abort())
        try {
          const solution = await openCompute().pow.solve(
            { blockHash, hotkey, difficulty, ...(backend === undefined ? {} : { backend }), ...(threads === undefined ? {} : { threads }) },
            {
              signal: stop.signal,
              onFallback: (reason) => process.stderr.write(`taumesh: ${reason}; the CPU goes on\n`),
              onProgress: (hashes) =>
                bar.update(0, `${(hashes / 1e6).toFixed(1)} M hashes of ${(Number(difficulty) / 1e6).toFixed(1)} M expected`),
            },
          )
          bar.stop()
          const { nonce, hashes, seconds } = solution
          const seal = `0x${toHex(solution.seal)}`
          print(
            options.json,
            { nonce: nonce.toString(), seal, hashes, seconds },
            `nonce ${nonce}\nseal  ${seal}\n${hashes} hashes in ${seconds.toFixed(2)} s (${(hashes / seconds / 1e6).toFixed(2)} MH/s)`,
          )
        } finally {
          bar.stop()
        }
      },
    )
  pow
    .command('verify')
    .description('recompute the seals of a file and say whether each meets its difficulty')
    .requiredOption('--input <file>', 'JSON list of {block_hash, hotkey, nonce, difficulty}')
    .addOption(jsonOption())
    .action(({ input, json }: { input: string; json?: boolean }) => {
      const list = entries(input)
      const { seals, meets } = openCompute().pow.verify({
        blockHashes: Buffer.concat(list.map(({ blockHash }) => blockHash)),
        hotkeys: Buffer.concat(list.map(({ hotkey }) => hotkey)),
        nonces: BigUint64Array.from(list.map(({ nonce }) => nonce)),
        difficulties: BigUint64Array.from(list.map(({ difficulty }) => difficulty)),
      })
      for (const [i, { nonce }] of list.entries()) {
        const seal = `0x${toHex(seals.subarray(32 * i, 32 * i + 32))}`
        print(
          json,
          { nonce: nonce.toString(), seal, meets: meets[i] === 1 },
          `${seal} nonce ${nonce} ${meets[i] === 1 ? 'meets' : 'MISSES'} its difficulty`,
        )
      }
      if (meets.some((one) => one !== 1)) process.exitCode = 1
    })
}
