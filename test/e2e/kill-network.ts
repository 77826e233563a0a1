/** The network of the kill test: the same keys and genesis in every process of a run. */
import { type ToyNetwork, toyNetwork } from '../support/toy-network.ts'

export const KILL_USERS = 6
export const killNetwork = (): ToyNetwork => toyNetwork('kill', KILL_USERS)
