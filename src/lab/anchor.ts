/**
 * The outside anchor: what a general compressor needs for the same windows, primed with the same training text. Small
 * models do not beat it alone, so it is printed beside every figure of ours.
 */
import { constants, zstdCompressSync } from 'node:zlib'
import type { Window } from './windows-of-text.ts'

const options = (train: Uint8Array) => ({
  dictionary: train,
  params: {
    [constants.ZSTD_c_compressionLevel]: 19,
    [constants.ZSTD_c_contentSizeFlag]: 0,
    [constants.ZSTD_c_checksumFlag]: 0,
    [constants.ZSTD_c_dictIDFlag]: 0,
  },
})

/** Mean bits per byte of zstd 19 over the windows, each alone, with `train` as its dictionary; the empty frame's size is taken off. */
export function zstdAnchor(windows: readonly Window[], train: Uint8Array): number {
  const empty = zstdCompressSync(new Uint8Array(), options(train)).length
  const bits = windows.map(({ span }) => (8 * (zstdCompressSync(span, options(train)).length - empty)) / span.length)
  return bits.reduce((sum, one) => sum + one, 0) / bits.length
}
