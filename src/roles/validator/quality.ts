/** The quality of the mixture, step by step, in a list of records that all validators of a node share; read by what draws it. */
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { ByteVectorType, ContainerType, UintBigintType, UintNumberType } from '@chainsafe/ssz'
import type { QualityPoint } from '../../protocol/ports/node-info.ts'
import type { RecordList, RecordStore } from '../../protocol/ports/records.ts'
import { sszCodec } from '../../protocol/ssz-codec.ts'

/** Room for about 80,000 steps. */
const LIST_BYTES_MAX = 8 * 1_048_576

const bits = new UintBigintType(8)
const u64 = new UintNumberType(8)
const codec = sszCodec(
  'quality',
  new ContainerType({
    time: u64,
    height: u64,
    validator: new ByteVectorType(32),
    network: bits,
    uniform: bits,
    bestSingle: bits,
    fallback: bits,
    positions: new UintNumberType(4),
  }),
)
const view = new DataView(new ArrayBuffer(8))
function toBits(value: number): bigint {
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}
function fromBits(value: bigint): number {
  view.setBigUint64(0, value)
  return view.getFloat64(0)
}

export const qualityList = (records: Pick<RecordStore, 'list'>): RecordList => records.list('quality', { maxBytes: LIST_BYTES_MAX })

export async function addQuality(list: RecordList, point: QualityPoint): Promise<void> {
  const { network, uniform, bestSingle, fallback } = point
  const numbers = { network: toBits(network), uniform: toBits(uniform), bestSingle: toBits(bestSingle), fallback: toBits(fallback) }
  await list.append([codec.encode({ ...point, validator: fromHex(point.validator), ...numbers })])
}

/** The newest `count` points, newest last. */
export async function readQuality(list: RecordList, count: number): Promise<QualityPoint[]> {
  const { first, next } = await list.bounds()
  const from = Math.max(first, next - count)
  const items = await list.range(from, next - from)
  return items.map(({ value }) => {
    const point = codec.decode(value)
    return {
      ...point,
      validator: toHex(point.validator),
      network: fromBits(point.network),
      uniform: fromBits(point.uniform),
      bestSingle: fromBits(point.bestSingle),
      fallback: fromBits(point.fallback),
    }
  })
}
