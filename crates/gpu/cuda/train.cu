// The steps of training that are no products, one thread per element or per row; a row's sums run in order, so that a device
// gives the same bits twice. src/wgsl/train.rs is the same in the other language, src/train/ says who launches what.
#include "device.h"

/// What every launch begins with: groups in x, and items.
struct Items {
  u32 across, n;
};

/// This thread's item.
DEVICE u32 item(const Items &p) { return (block_y() * p.across + block_x()) * threads_x() + thread_x(); }

#define EACH_ITEM                                                                                                      \
  u32 i = item(p.items);                                                                                               \
  if (i >= p.items.n) return

struct OneHot {
  Items items;
  u32 width;
};
KERNEL(64, 1) train_one_hot(const OneHot p, const u32 *tokens, float *out) {
  EACH_ITEM;
  out[i] = tokens[i / p.width] == i % p.width ? 1.0f : 0.0f;
}
ENTRY_2(train_one_hot, OneHot, u32, float)

struct Plain {
  Items items;
};
KERNEL(64, 1) train_multiply(const Plain p, const float *x, float *y) {
  EACH_ITEM;
  y[i] *= x[i];
}
ENTRY_2(train_multiply, Plain, float, float)

struct Bias {
  Items items;
  u32 width;
};
KERNEL(64, 1) train_bias(const Bias p, const float *bias, float *x) {
  EACH_ITEM;
  x[i] += bias[i % p.width];
}
ENTRY_2(train_bias, Bias, float, float)

struct Norm {
  Items items;
  u32 d;
};
KERNEL(64, 1) train_norm(const Norm p, const float *x, const float *gain, float *y, float *inverse) {
  EACH_ITEM;
  x += (u64)i * p.d;
  y += (u64)i * p.d;
  float s = 0.0f;
  for (u32 c = 0; c < p.d; c++) s += x[c] * x[c];
  float r = 1.0f / __builtin_sqrtf(s / (float)p.d + 1e-6f);
  inverse[i] = r;
  for (u32 c = 0; c < p.d; c++) y[c] = x[c] * r * gain[c];
}
ENTRY_4(train_norm, Norm, float, float, float, float)

KERNEL(64, 1) train_norm_back(const Norm p, const float *x, const float *gain, const float *inverse, const float *dy, float *dx, float *share) {
  EACH_ITEM;
  u64 at = (u64)i * p.d;
  float r = inverse[i], s = 0.0f;
  for (u32 c = 0; c < p.d; c++) s += dy[at + c] * gain[c] * x[at + c];
  float k = r * r * s / (float)p.d;
  for (u32 c = 0; c < p.d; c++) {
    dx[at + c] += r * (dy[at + c] * gain[c] - x[at + c] * k);
    share[at + c] = dy[at + c] * x[at + c] * r;
  }
}
ENTRY_6(train_norm_back, Norm, float, float, float, float, float, float)

struct Columns {
  Items items;
  u32 rows, columns, each;
};
KERNEL(64, 1) train_column_sum(const Columns p, const float *x, float *out) {
  EACH_ITEM;
  u32 column = i % p.columns, first = i / p.columns * p.each;
  u32 last = p.rows < first + p.each ? p.rows : first + p.each;
  float s = 0.0f;
  for (u32 row = first; row < last; row++) s += x[(u64)row * p.columns + column];
  out[i] = s;
}
ENTRY_2(train_column_sum, Columns, float, float)

struct Place {
  Items items;
  u32 head, heads, length, part;
};
/// Where the numbers of one (row, head) are, among rows and head by head, and the scale of queries.
struct Spot {
  u64 from, to, turn;
  u32 half;
  float scale;
};
DEVICE Spot spot(const Place &p, u32 i) {
  u32 row = i / p.heads, head = i % p.heads, t = row % p.length;
  u64 from = ((u64)row * 3 + p.part) * p.heads * p.head + (u64)head * p.head;
  u64 to = (((u64)row / p.length * p.heads + head) * p.length + t) * p.head;
  return {from, to, (u64)t * p.head, p.head / 2, p.part == 0 ? 1.0f / __builtin_sqrtf((float)p.head) : 1.0f};
}

KERNEL(64, 1) train_place(const Place p, const float *qkv, const float *gain, const float *turns, float *out, float *inverse) {
  EACH_ITEM;
  Spot w = spot(p, i);
  const float *x = qkv + w.from, *turn = turns + w.turn;
  float s = 0.0f;
  for (u32 c = 0; c < p.head; c++) s += x[c] * x[c];
  float r = 1.0f / __builtin_sqrtf(s / (float)p.head + 1e-6f);
  inverse[i] = r;
  for (u32 c = 0; c < w.half; c++) {
    float a = x[c] * r * gain[c] * w.scale, b = x[w.half + c] * r * gain[w.half + c] * w.scale;
    out[w.to + c] = a * turn[c] - b * turn[w.half + c];
    out[w.to + w.half + c] = a * turn[w.half + c] + b * turn[c];
  }
}
ENTRY_5(train_place, Place, float, float, float, float, float)

KERNEL(64, 1) train_place_back(const Place p, const float *qkv, const float *gain, const float *turns, const float *inverse, const float *dy, float *dqkv, float *share) {
  EACH_ITEM;
  Spot w = spot(p, i);
  const float *x = qkv + w.from, *turn = turns + w.turn, *d = dy + w.to;
  float *out = dqkv + w.from, *mine = share + (u64)i * p.head;
  float r = inverse[i], s = 0.0f;
  for (u32 c = 0; c < w.half; c++) {
    float a = (d[c] * turn[c] + d[w.half + c] * turn[w.half + c]) * w.scale;
    float b = (d[w.half + c] * turn[c] - d[c] * turn[w.half + c]) * w.scale;
    s += a * gain[c] * x[c] + b * gain[w.half + c] * x[w.half + c];
  }
  float k = r * r * s / (float)p.head;
  for (u32 c = 0; c < w.half; c++) {
    float a = (d[c] * turn[c] + d[w.half + c] * turn[w.half + c]) * w.scale;
    float b = (d[w.half + c] * turn[c] - d[c] * turn[w.half + c]) * w.scale;
    out[c] = r * (a * gain[c] - x[c] * k);
    out[w.half + c] = r * (b * gain[w.half + c] - x[w.half + c] * k);
    mine[c] = a * x[c] * r;
    mine[w.half + c] = b * x[w.half + c] * r;
  }
}
ENTRY_7(train_place_back, Place, float, float, float, float, float, float, float)

struct Heads {
  Items items;
  u32 head, heads, length, stride, offset;
};
/// Where number i of the layout head by head is among rows.
DEVICE u64 among_rows(const Heads &p, u32 i) {
  u32 t = i / p.head % p.length, which = i / p.head / p.length;
  return ((u64)(which / p.heads) * p.length + t) * p.stride + p.offset + which % p.heads * p.head + i % p.head;
}
KERNEL(64, 1) train_split(const Heads p, const float *x, float *y) {
  EACH_ITEM;
  y[i] = x[among_rows(p, i)];
}
ENTRY_2(train_split, Heads, float, float)

KERNEL(64, 1) train_merge(const Heads p, const float *x, float *y) {
  EACH_ITEM;
  y[among_rows(p, i)] = x[i];
}
ENTRY_2(train_merge, Heads, float, float)

struct Scores {
  Items items;
  u32 length;
};
KERNEL(64, 1) train_softmax(const Scores p, float *x) {
  EACH_ITEM;
  x += (u64)i * p.length;
  u32 t = i % p.length;
  float most = x[0], s = 0.0f;
  for (u32 c = 1; c <= t; c++) most = x[c] > most ? x[c] : most;
  for (u32 c = 0; c <= t; c++) s += x[c] = exponential(x[c] - most);
  for (u32 c = 0; c < p.length; c++) x[c] = c <= t ? x[c] / s : 0.0f;
}
ENTRY_1(train_softmax, Scores, float)

KERNEL(64, 1) train_softmax_back(const Scores p, const float *x, float *dx) {
  EACH_ITEM;
  x += (u64)i * p.length;
  dx += (u64)i * p.length;
  u32 t = i % p.length;
  float s = 0.0f;
  for (u32 c = 0; c <= t; c++) s += x[c] * dx[c];
  for (u32 c = 0; c < p.length; c++) dx[c] = c <= t ? x[c] * (dx[c] - s) : 0.0f;
}
ENTRY_2(train_softmax_back, Scores, float, float)

KERNEL(64, 1) train_gelu(const Plain p, float *x, float *y) {
  EACH_ITEM;
  float a = x[i], s = 1.0f / (1.0f + exponential(-1.5957691216057308f * (a + 0.044715f * a * a * a)));
  y[i] = a * s;
  x[i] = s + a * s * (1.0f - s) * 1.5957691216057308f * (1.0f + 0.134145f * a * a);
}
ENTRY_ALL_2(train_gelu, Plain, float, float)

KERNEL(64, 1) train_loss(const Plain p, const u32 *next, float *x, float *loss) {
  EACH_ITEM;
  x += (u64)i * 256;
  u32 right = next[i];
  float most = x[0], s = 0.0f;
  for (u32 c = 1; c < 256; c++) most = x[c] > most ? x[c] : most;
  float own = x[right] - most;
  for (u32 c = 0; c < 256; c++) s += x[c] = exponential(x[c] - most);
  for (u32 c = 0; c < 256; c++) x[c] = x[c] / s - (c == right ? 1.0f : 0.0f);
  loss[i] = logarithm(s) - own;
}
ENTRY_ALL_3(train_loss, Plain, u32, float, float)

struct Cell {
  Items items;
  u32 width, first;
};
/// Where one unit of one window is: among all rows of states and of gates, and among the gates of this time alone.
struct Unit {
  u64 at, a, b;
  u32 c;
};
DEVICE Unit unit(const Cell &p, u32 i) {
  u32 window = i / p.width, c = i % p.width;
  u64 row = (u64)p.first + window;
  return {row * p.width + c, row * 3 * p.width + c, (u64)window * 3 * p.width + c, c};
}

KERNEL(64, 1) train_gru(const Cell p, const float *u, const float *bias, float *gates, float *inner, float *state, float *before, float *after) {
  EACH_ITEM;
  Unit q = unit(p, i);
  float *reset = gates + q.a, *update = reset + p.width, *fresh = update + p.width;
  const float *from = u + q.b;
  float r = 1.0f / (1.0f + exponential(-(*reset + from[0])));
  float z = 1.0f / (1.0f + exponential(-(*update + from[p.width])));
  float m = from[2 * (u64)p.width] + bias[q.c], x = *fresh + r * m;
  x = x < -15.0f ? -15.0f : x > 15.0f ? 15.0f : x;
  float n = 1.0f - 2.0f / (1.0f + exponential(2.0f * x)), h = state[i];
  *reset = r;
  *update = z;
  *fresh = n;
  inner[q.at] = m;
  before[q.at] = h;
  after[q.at] = state[i] = (1.0f - z) * n + z * h;
}
ENTRY_7(train_gru, Cell, float, float, float, float, float, float, float)

KERNEL(64, 1) train_gru_back(const Cell p, const float *inner, const float *before, const float *dafter, float *gates, float *carried, float *du, float *here) {
  EACH_ITEM;
  Unit q = unit(p, i);
  u64 w = p.width;
  float *own = gates + q.a;
  float r = own[0], z = own[w], n = own[2 * w];
  float dh = dafter[q.at] + carried[i];
  float dn = dh * (1.0f - z) * (1.0f - n * n);
  float dz = dh * (before[q.at] - n) * z * (1.0f - z);
  float dr = dn * inner[q.at] * r * (1.0f - r);
  own[0] = dr;
  own[w] = dz;
  own[2 * w] = dn;
  du[q.a] = here[q.b] = dr;
  du[q.a + w] = here[q.b + w] = dz;
  du[q.a + 2 * w] = here[q.b + 2 * w] = dn * r;
  carried[i] = dh * z;
}
ENTRY_7(train_gru_back, Cell, float, float, float, float, float, float, float)
