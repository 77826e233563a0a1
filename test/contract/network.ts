/** What every Network must do (wire.md 1), whatever carries it. Each test has a world of its own; nothing is shared. */
import { describe } from 'vitest'
import { Scene } from '../support/network-scene.ts'
import type { NetworkWorld } from '../support/network-scene.ts'
import { authentication } from './network/authentication.ts'
import { calls } from './network/calls.ts'
import { hostile } from './network/hostile.ts'
import { limits } from './network/limits.ts'
import { streams } from './network/streams.ts'

export function networkContract(name: string, openWorld: () => Promise<NetworkWorld>): void {
  const open = async (): Promise<Scene> => new Scene(await openWorld())
  describe(`Network: ${name}`, () => {
    calls(open)
    streams(open)
    authentication(open)
    hostile(open)
    limits(open)
  })
}
