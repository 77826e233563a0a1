/** The numbers of a model's checkpoint, to judge what a device made of them. It must be one that the model itself wrote. */

export interface CheckpointNumbers {
  /** Steps that the model was trained for. */
  steps: number
  /** Weights by tensor, in the order of the file. */
  weights: Float32Array[]
  /** The optimiser's moments, one of each a weight. */
  first: Float32Array
  second: Float32Array
}

const LENGTH_BYTES = 8

interface Entry {
  data_offsets: [number, number]
}

/** Numbers as views of `file`, or null where it is not of that form. */
export function readCheckpoint(file: Uint8Array): CheckpointNumbers | null {
  // Views of numbers begin at multiples of four; the header is padded to that.
  const bytes = file.byteOffset % 4 === 0 ? file : file.slice()
  if (bytes.length < LENGTH_BYTES) return null
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const start = LENGTH_BYTES + length
  if (start > bytes.length || start % 4 !== 0) return null
  const { __metadata__: metadata, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, start))) as Record<
    string,
    unknown
  >
  const steps = /; steps (\d+)$/.exec(String((metadata as { taumesh?: unknown } | undefined)?.taumesh))?.[1]
  const numbers = ([begin, end]: [number, number]): Float32Array =>
    new Float32Array(bytes.buffer, bytes.byteOffset + start + begin, (end - begin) / 4)
  const tensors = new Map(Object.entries(entries).map(([name, entry]) => [name, numbers((entry as Entry).data_offsets)]))
  const [first, second] = [tensors.get('optimizer.first'), tensors.get('optimizer.second')]
  if (steps === undefined || first === undefined || second === undefined) return null
  const weights = [...tensors].filter(([name]) => !name.startsWith('optimizer.')).map(([, values]) => values)
  return { steps: Number(steps), weights, first, second }
}
