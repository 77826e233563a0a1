// Products of f16, bf16 and int8 on tensor cores (mma.sync). Factors come packed: lines along k, rounded up with zeros to
// 128 lines and 64 bytes along k. 16 numbers of 16 bits and 32 of 8 bits fill the same 32 bytes and lie in the same
// registers, so that one text serves all three. A block makes 128 x 128 of C, its 8 warps 64 x 32 each; stages of 64 bytes
// along k arrive through cp.async two ahead of their use. src/matmul.rs documents the parameters.
#include "device.h"

struct Packed {
  u32 m, n, along, row_tiles, column_tiles, first, column, add;
};

constexpr u32 LINES = 128, STAGE = 64, STAGES = 3;

/// Where 16 bytes of a stage lie: swizzled, so that eight lines of one column of chunks are in eight different banks.
DEVICE u32 chunk_at(u32 line, u32 chunk) { return line * STAGE + ((chunk ^ (line >> 1 & 3)) << 4); }

/// Begins to copy one stage of both factors.
DEVICE void begin(u8 *stage, const u8 *a, const u8 *b, u32 along) {
  UNROLL for (u32 i = 0; i < 2; i++) {
    u32 s = thread_x() + 256 * i, line = s / 4, chunk = s % 4;
    copy_begin(stage + chunk_at(line, chunk), a + (u64)line * along + 16 * chunk);
    copy_begin(stage + LINES * STAGE + chunk_at(line, chunk), b + (u64)line * along + 16 * chunk);
  }
}

template <typename Sum, void (*MULTIPLY)(Sum[4], const u32[4], const u32[2])>
DEVICE void product(const Packed &p, const u8 *a, const u8 *b, Sum *c, u8 *stages) {
  u32 index = p.first + block_y(), item = index / p.row_tiles;
  u32 row = index % p.row_tiles * LINES, column = (p.column + block_x()) * LINES;
  a += ((u64)item * p.row_tiles * LINES + row) * p.along;
  b += ((u64)item * p.column_tiles * LINES + column) * p.along;
  c += (u64)item * p.m * p.n;
  u32 warp = thread_x() / 32, lane = thread_x() % 32;
  u32 warp_row = warp / 4 * 64, warp_column = warp % 4 * 32;
  // The line and chunk whose address this thread gives for its matrices: lines 0-7 and 8-15, then the same 16 bytes on.
  u32 a_line = warp_row + lane % 16, a_chunk = lane / 16;
  u32 b_line = warp_column + lane / 16 * 8 + lane % 8, b_chunk = lane / 8 % 2;
  Sum sums[4][4][4];
  UNROLL for (u32 i = 0; i < 4; i++)
    UNROLL for (u32 j = 0; j < 4; j++)
      UNROLL for (u32 e = 0; e < 4; e++) sums[i][j][e] = 0;

  constexpr u32 SIZE = 2 * LINES * STAGE;
  u32 count = p.along / STAGE;
  UNROLL for (u32 s = 0; s < STAGES - 1; s++) {
    if (s < count) begin(stages + s * SIZE, a + s * STAGE, b + s * STAGE, p.along);
    copy_commit();
  }
  for (u32 s = 0; s < count; s++) {
    copy_wait_all_but_one();
    barrier();
    u32 ahead = s + STAGES - 1;
    if (ahead < count) begin(stages + ahead % STAGES * SIZE, a + (u64)ahead * STAGE, b + (u64)ahead * STAGE, p.along);
    copy_commit();
    const u8 *left = stages + s % STAGES * SIZE, *right = left + LINES * STAGE;
    UNROLL for (u32 half = 0; half < 2; half++) {
      u32 x[4][4], y[2][4];
      UNROLL for (u32 i = 0; i < 4; i++) load_matrices(x[i], left + chunk_at(a_line + 16 * i, 2 * half + a_chunk));
      UNROLL for (u32 j = 0; j < 2; j++) load_matrices(y[j], right + chunk_at(b_line + 16 * j, 2 * half + b_chunk));
      UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++) MULTIPLY(sums[i][j], x[i], y[j / 2] + j % 2 * 2);
    }
  }

  UNROLL for (u32 i = 0; i < 4; i++)
    UNROLL for (u32 j = 0; j < 4; j++)
      UNROLL for (u32 e = 0; e < 4; e++) {
        u32 at = row + warp_row + 16 * i + lane / 4 + e / 2 * 8;
        u32 to = column + warp_column + 8 * j + lane % 4 * 2 + e % 2;
        if (at < p.m && to < p.n) {
          Sum *out = c + (u64)at * p.n + to;
          *out = p.add ? *out + sums[i][j][e] : sums[i][j][e];
        }
      }
}

#define TENSOR(name, sum, multiply)                                                                                     \
  KERNEL(256, 1) name(const Packed p, const u8 *a, const u8 *b, sum *c) {                                               \
    SHARED u8 stages[STAGES * 2 * LINES * STAGE];                                                                       \
    product<sum, multiply>(p, a, b, c, stages);                                                                         \
  }                                                                                                                    \
  ENTRY_3(name, Packed, u8, u8, sum)
TENSOR(tensor_f16, float, multiply_f16)
TENSOR(tensor_bf16, float, multiply_bf16)
TENSOR(tensor_int8, int, multiply_int8)

struct Lines {
  u32 lines, k, padded, along, line, step, first, unused;
};

/// Packs 32 lines x 32 elements along k per block of 32 x 8 threads; reads and writes both go along memory.
template <typename Element> DEVICE void pack(const Lines &p, const Element *from, Element *to, Element (*tile)[33]) {
  u64 row = (u64)(p.first + block_y()) * 32;
  u32 item = (u32)(row / p.padded), line0 = (u32)(row % p.padded), k0 = block_x() * 32;
  from += (u64)item * p.lines * p.k;
  UNROLL for (u32 i = 0; i < 4; i++) {
    u32 slow = thread_y() + 8 * i;
    u32 line = p.step == 1 ? slow : thread_x(), step = p.step == 1 ? thread_x() : slow;
    bool inside = line0 + line < p.lines && k0 + step < p.k;
    tile[line][step] = inside ? from[(u64)(line0 + line) * p.line + (u64)(k0 + step) * p.step] : (Element)0;
  }
  barrier();
  UNROLL for (u32 i = 0; i < 4; i++) {
    u32 line = thread_y() + 8 * i;
    if (k0 + thread_x() < p.along) to[(row + line) * p.along + k0 + thread_x()] = tile[line][thread_x()];
  }
}

KERNEL(256, 1) pack_16(const Lines p, const u16 *from, u16 *to) {
  SHARED u16 tile[32][33];
  pack<u16>(p, from, to, tile);
}
ENTRY_2(pack_16, Lines, u16, u16)

KERNEL(256, 1) pack_8(const Lines p, const u8 *from, u8 *to) {
  SHARED u8 tile[32][33];
  pack<u8>(p, from, to, tile);
}
ENTRY_2(pack_8, Lines, u8, u8)
