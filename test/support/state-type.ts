/** The state as the SSZ library sees it, built from the same layout: what a light client would verify proofs with. */
import { ContainerType, ListCompositeType } from '@chainsafe/ssz'
import type { Type } from '@chainsafe/ssz'
import type { Shapes } from '../../src/ledger/state/container.ts'
import { marketShape, stateShape, typeOf } from '../../src/ledger/state/layout.ts'
import { MARKETS_MAX } from '../../src/protocol/ledger-limits.ts'

const container = (shapes: Shapes): ContainerType<Record<string, Type<unknown>>> =>
  new ContainerType(Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, typeOf(shape)])))

export const stateType = new ContainerType({
  ...Object.fromEntries(Object.entries(stateShape).map(([name, shapes]) => [name, container(shapes)])),
  markets: new ListCompositeType(container(marketShape), MARKETS_MAX),
})
