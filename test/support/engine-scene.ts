/** An embedded engine on virtual time over a memory disk: blocks come when the test says so. */
import { embedded, type EmbeddedLedger, type EmbeddedOptions } from '../../src/ledger/engines/embedded/embedded.ts'
import type { Machine } from '../../src/ledger/engines/embedded/machine.ts'
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { type FaultPlan, MemoryDisk } from '../../src/ledger/store/memory-disk.ts'
import type { BlockStore } from '../../src/protocol/ports/block-store.ts'
import { VirtualClock } from './clocks.ts'
import { type KeptLog, silentLog } from './silent-log.ts'
import { toyMachine, type ToyState } from './toy-machine.ts'
import { type ToyNetwork, toyNetwork } from './toy-network.ts'

export const BLOCK_MS = 100

export interface EngineScene {
  network: ToyNetwork
  disk: MemoryDisk
  clock: VirtualClock
  log: KeptLog
  /** Opens the engine on the disk. */
  open(
    options?: Partial<EmbeddedOptions> & {
      faults?: FaultPlan
      machine?: Machine<ToyState>
      retention?: { blocksMax: number; bytesMax: number }
    },
  ): {
    ledger: EmbeddedLedger
    store: BlockStore
  }
  /** Lets `count` blocks come. */
  blocks(count: number): Promise<void>
}

export function engineScene(name = 'engine', users = 4): EngineScene {
  const [network, disk, clock, log] = [toyNetwork(name, users), new MemoryDisk(), new VirtualClock(1_800_000_000_000), silentLog()]
  return {
    network,
    disk,
    clock,
    log,
    open: ({ faults, machine = toyMachine(network.genesis), retention, ...options } = {}) => {
      const store = memoryBlockStore({ ...(faults && { faults }), ...(retention && { retention }) }, { disk })
      const parts = { machine, store, signer: network.orderer, clock, log }
      return { store, ledger: embedded({ genesis: network.genesis, blockTimeMs: BLOCK_MS, ...options }, parts) }
    },
    blocks: async (count) => {
      for (let i = 0; i < count; i++) await clock.advance(BLOCK_MS)
    },
  }
}
