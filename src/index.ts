/** What other programs may import from `taumesh`: the native functions, a client of a running node, and their errors. */
export { closeCompute, openCompute } from './node/compute.ts'
export { remote, type Remote, type RemoteOptions } from './node/remote.ts'
export { VERSION } from './node/version.ts'
export { NodeError, type ErrorCode } from './protocol/errors.ts'
export type { Compute } from './protocol/ports/compute.ts'
