// Products of f32 in plain fused multiply-adds, any shape and layout: a tile of C per block, 16 x 16 threads with
// EACH x EACH elements each, factors staged through shared memory, the next stage being fetched meanwhile.
// src/matmul.rs documents the parameters.
#include "device.h"

struct Tiles {
  u32 m, k, n, row_tiles;
  u32 a_row, a_column, b_row, b_column;
  u32 first, column, add, unused;
};

/// Steps along k that are staged at once.
constexpr u32 DEPTH = 8;

/// The s-th element of a stage of TILE lines: neighbouring threads take neighbouring elements in memory.
template <u32 TILE> DEVICE void place(u32 s, bool along, u32 &line, u32 &step) {
  line = along ? s / DEPTH : s % TILE;
  step = along ? s % DEPTH : s / TILE;
}

/// Fetches this thread's part of a stage, zero outside of the factor.
template <u32 TILE>
DEVICE void fetch(float part[TILE * DEPTH / 256], const float *from, u32 line0, u32 lines, u32 stride, u32 k0, u32 k, u32 along) {
  UNROLL for (u32 i = 0; i < TILE * DEPTH / 256; i++) {
    u32 line, step;
    place<TILE>(thread_y() * 16 + thread_x() + 256 * i, along == 1, line, step);
    bool inside = line0 + line < lines && k0 + step < k;
    part[i] = inside ? from[(u64)(line0 + line) * stride + (u64)(k0 + step) * along] : 0.0f;
  }
}

template <u32 TILE> DEVICE void put(float stage[DEPTH][TILE], const float part[TILE * DEPTH / 256], u32 along) {
  UNROLL for (u32 i = 0; i < TILE * DEPTH / 256; i++) {
    u32 line, step;
    place<TILE>(thread_y() * 16 + thread_x() + 256 * i, along == 1, line, step);
    stage[step][line] = part[i];
  }
}

/// The i-th line of a thread: groups of four neighbours, so that shared memory is read in words of 16 bytes.
DEVICE u32 line_of(u32 thread, u32 i) { return i / 4 * 64 + thread * 4 + i % 4; }

template <u32 EACH>
DEVICE void product(const Tiles &p, const float *a, const float *b, float *c, float (*as)[DEPTH][16 * EACH], float (*bs)[DEPTH][16 * EACH]) {
  constexpr u32 TILE = 16 * EACH;
  u32 index = p.first + block_y(), item = index / p.row_tiles;
  u32 row = index % p.row_tiles * TILE, column = (p.column + block_x()) * TILE;
  a += (u64)item * p.m * p.k;
  b += (u64)item * p.k * p.n;
  c += (u64)item * p.m * p.n;
  float sums[EACH][EACH], next_a[TILE * DEPTH / 256], next_b[TILE * DEPTH / 256];
  UNROLL for (u32 i = 0; i < EACH; i++)
    UNROLL for (u32 j = 0; j < EACH; j++) sums[i][j] = 0.0f;
  fetch<TILE>(next_a, a, row, p.m, p.a_row, 0, p.k, p.a_column);
  fetch<TILE>(next_b, b, column, p.n, p.b_column, 0, p.k, p.b_row);
  u32 turn = 0;
  for (u32 k = 0; k < p.k; k += DEPTH, turn ^= 1) {
    put<TILE>(as[turn], next_a, p.a_column);
    put<TILE>(bs[turn], next_b, p.b_row);
    // The other stage is overwritten only after the next barrier, when nobody reads it any more.
    barrier();
    if (k + DEPTH < p.k) {
      fetch<TILE>(next_a, a, row, p.m, p.a_row, k + DEPTH, p.k, p.a_column);
      fetch<TILE>(next_b, b, column, p.n, p.b_column, k + DEPTH, p.k, p.b_row);
    }
    UNROLL for (u32 s = 0; s < DEPTH; s++) {
      float x[EACH], y[EACH];
      UNROLL for (u32 i = 0; i < EACH; i++) x[i] = as[turn][s][line_of(thread_y(), i)];
      UNROLL for (u32 j = 0; j < EACH; j++) y[j] = bs[turn][s][line_of(thread_x(), j)];
      UNROLL for (u32 i = 0; i < EACH; i++)
        UNROLL for (u32 j = 0; j < EACH; j++) sums[i][j] = __builtin_fmaf(x[i], y[j], sums[i][j]);
    }
  }
  UNROLL for (u32 i = 0; i < EACH; i++)
    UNROLL for (u32 j = 0; j < EACH; j++) {
      u32 at = row + line_of(thread_y(), i), to = column + line_of(thread_x(), j);
      if (at < p.m && to < p.n) {
        float *out = c + (u64)at * p.n + to;
        *out = p.add ? *out + sums[i][j] : sums[i][j];
      }
    }
}

KERNEL(256, 2) matmul_f32_64(const Tiles p, const float *a, const float *b, float *c) {
  SHARED float as[2][DEPTH][64], bs[2][DEPTH][64];
  product<4>(p, a, b, c, as, bs);
}
ENTRY_3(matmul_f32_64, Tiles, float, float, float)

KERNEL(256, 2) matmul_f32_128(const Tiles p, const float *a, const float *b, float *c) {
  SHARED float as[2][DEPTH][128], bs[2][DEPTH][128];
  product<8>(p, a, b, c, as, bs);
}
ENTRY_3(matmul_f32_128, Tiles, float, float, float)
