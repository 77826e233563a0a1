/** Opens the native functions: the addon, once per process. */
import { loadAddon } from '../native/addon.ts'
import type { Compute } from '../protocol/ports/compute.ts'

let opened: Compute | undefined

/** @throws NodeError NATIVE_ABSENT when the addon is not built */
export const openCompute = (): Compute => (opened ??= loadAddon())
