// A block of CUDA threads on one CPU thread, for tests: each thread is a fiber that runs until it waits for others. What
// the hardware does for a warp at once is done here in three steps: everybody shows its operands, waits, and computes its
// own part from those of the 32. Layouts of fragments are those of the PTX manual, written a second time on purpose.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define KERNEL(threads, blocks) static void
#define DEVICE static inline
#define SHARED static __attribute__((aligned(16)))
#define UNROLL

namespace host {

constexpr unsigned STACK = 64 << 10, THREADS_MAX = 1024;

struct Barrier {
  unsigned waiting = 0, turn = 0;
};

struct Show {
  const void *row;
  u32 a[4], b[2];
};

struct Block {
  ucontext_t scheduler, threads[THREADS_MAX];
  std::vector<char> stacks = std::vector<char>(std::size_t(THREADS_MAX) * STACK);
  bool ended[THREADS_MAX];
  unsigned current = 0, size = 0, wide = 0, block_x = 0, block_y = 0;
  Barrier all, warps[THREADS_MAX / 32];
  Show shown[THREADS_MAX];
  std::function<void()> kernel;
};

static Block block;

static void start() {
  block.kernel();
  block.ended[block.current] = true;
  swapcontext(&block.threads[block.current], &block.scheduler);
}

static void give_way() { swapcontext(&block.threads[block.current], &block.scheduler); }

/// Waits until `size` threads have come here.
static void wait(Barrier &barrier, unsigned size) {
  unsigned turn = barrier.turn;
  if (++barrier.waiting == size) {
    barrier.waiting = 0;
    barrier.turn++;
    return;
  }
  while (barrier.turn == turn) give_way();
}

static void run(const unsigned *groups, const unsigned *group, std::function<void()> kernel) {
  block.kernel = kernel;
  block.wide = group[0];
  block.size = group[0] * group[1];
  for (block.block_y = 0; block.block_y < groups[1]; block.block_y++)
    for (block.block_x = 0; block.block_x < groups[0]; block.block_x++) {
      for (unsigned i = 0; i < block.size; i++) {
        block.ended[i] = false;
        getcontext(&block.threads[i]);
        block.threads[i].uc_stack.ss_sp = block.stacks.data() + std::size_t(i) * STACK;
        block.threads[i].uc_stack.ss_size = STACK;
        block.threads[i].uc_link = nullptr;
        makecontext(&block.threads[i], start, 0);
      }
      for (bool alive = true; alive;) {
        alive = false;
        for (block.current = 0; block.current < block.size; block.current++) {
          if (block.ended[block.current]) continue;
          swapcontext(&block.scheduler, &block.threads[block.current]);
          alive = true;
        }
      }
    }
}

static unsigned lane() { return block.current % 32; }
static Show *warp() { return block.shown + block.current / 32 * 32; }
static void wait_warp() { wait(block.warps[block.current / 32], 32); }

/// All numbers of 16 bits: five bits of exponent, ten of fraction.
static std::vector<float> halves() {
  std::vector<float> table;
  for (u32 bits = 0; bits < 1 << 16; bits++) {
    u32 sign = bits >> 15, exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 0 ? std::ldexp(float(fraction), -24) : std::ldexp(float(1024 + fraction), int(exponent) - 25);
    table.push_back(sign ? -value : value);
  }
  return table;
}
static float half(u32 bits) {
  static const std::vector<float> table = halves();
  return table[bits];
}

static float brain(u32 bits) {
  bits <<= 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// The part of 32 bytes of row `row` of A (16 rows), that is its k-th 32-bit word.
static u32 word_a(const Show *warp, unsigned row, unsigned k) { return warp[row % 8 * 4 + k % 4].a[row / 8 + k / 4 * 2]; }
/// The k-th 32-bit word of column `column` of B (8 columns).
static u32 word_b(const Show *warp, unsigned column, unsigned k) { return warp[column * 4 + k % 4].b[k / 4]; }

/// This thread's four elements of a product of 16 x 32 bytes and 32 bytes x 8; `dot` multiplies words and adds up.
template <typename Sum, typename Dot> static void multiply(Sum c[4], const u32 a[4], const u32 b[2], Dot dot) {
  Show &mine = block.shown[block.current];
  std::memcpy(mine.a, a, sizeof mine.a);
  std::memcpy(mine.b, b, sizeof mine.b);
  wait_warp();
  for (unsigned e = 0; e < 4; e++)
    for (unsigned k = 0; k < 8; k++)
      c[e] = dot(c[e], word_a(warp(), lane() / 4 + e / 2 * 8, k), word_b(warp(), lane() % 4 * 2 + e % 2, k));
  wait_warp();
}

}  // namespace host

DEVICE u32 thread_x() { return host::block.current % host::block.wide; }
DEVICE u32 thread_y() { return host::block.current / host::block.wide; }
DEVICE u32 block_x() { return host::block.block_x; }
DEVICE u32 block_y() { return host::block.block_y; }
DEVICE u32 threads_x() { return host::block.wide; }
DEVICE void barrier() { host::wait(host::block.all, host::block.size); }
DEVICE u32 load_fresh(const u32 *from) { return *from; }
DEVICE u64 rotate_left(u64 lane, u32 n) { return n == 0 ? lane : lane << n | lane >> (64 - n); }

DEVICE u64 xor3(u64 a, u64 b, u64 c) { return a ^ b ^ c; }
DEVICE u64 chi(u64 a, u64 b, u64 c) { return a ^ (~b & c); }

DEVICE float exponential(float x) { return std::exp(x); }
DEVICE float logarithm(float x) { return std::log(x); }

DEVICE u32 atomic_min(u32 *to, u32 value) {
  u32 before = *to;
  if (value < before) *to = value;
  return before;
}

DEVICE void copy_begin(void *to, const void *from) {
  // The hardware refuses addresses that are no multiples of 16.
  if ((std::uintptr_t(to) | std::uintptr_t(from)) % 16 != 0) __builtin_trap();
  std::memcpy(to, from, 16);
}
DEVICE void copy_commit() {}
DEVICE void copy_wait_all_but_one() {}

DEVICE void load_matrices(u32 out[4], const void *row) {
  host::block.shown[host::block.current].row = row;
  host::wait_warp();
  for (unsigned matrix = 0; matrix < 4; matrix++) {
    const char *from = static_cast<const char *>(host::warp()[8 * matrix + host::lane() / 4].row);
    std::memcpy(&out[matrix], from + host::lane() % 4 * 4, 4);
  }
  host::wait_warp();
}

DEVICE void multiply_f16(float c[4], const u32 a[4], const u32 b[2]) {
  host::multiply(c, a, b, [](float sum, u32 x, u32 y) {
    return sum + host::half(x & 0xffff) * host::half(y & 0xffff) + host::half(x >> 16) * host::half(y >> 16);
  });
}
DEVICE void multiply_bf16(float c[4], const u32 a[4], const u32 b[2]) {
  host::multiply(c, a, b, [](float sum, u32 x, u32 y) {
    return sum + host::brain(x & 0xffff) * host::brain(y & 0xffff) + host::brain(x >> 16) * host::brain(y >> 16);
  });
}
DEVICE void multiply_int8(int c[4], const u32 a[4], const u32 b[2]) {
  host::multiply(c, a, b, [](int sum, u32 x, u32 y) {
    for (unsigned byte = 0; byte < 32; byte += 8) sum += int(std::int8_t(x >> byte)) * int(std::int8_t(y >> byte));
    return sum;
  });
}

// What a test calls: the parameters' words, the buffers in order, and the sizes of grid and block.
#define ENTRY(name, ...)                                                                                               \
  extern "C" void host_##name(const void *params, void *const *buffers, const unsigned *groups, const unsigned *group) { \
    host::run(groups, group, [&] { __VA_ARGS__; });                                                                    \
  }
#define ENTRY_1(name, Params, first) ENTRY(name, name(*static_cast<const Params *>(params), static_cast<first *>(buffers[0])))
#define ENTRY_2(name, Params, first, second)                                                                           \
  ENTRY(name, name(*static_cast<const Params *>(params), static_cast<const first *>(buffers[0]), static_cast<second *>(buffers[1])))
#define ENTRY_3(name, Params, first, second, third)                                                                    \
  ENTRY(name, name(*static_cast<const Params *>(params), static_cast<const first *>(buffers[0]),                        \
                   static_cast<const second *>(buffers[1]), static_cast<third *>(buffers[2])))
// Kernels with more buffers take them as they come: which are written is said where they are declared.
#define AT(type, index) static_cast<type *>(buffers[index])
#define ENTRY_ALL_2(name, Params, a, b) ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1)))
#define ENTRY_ALL_3(name, Params, a, b, c) ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1), AT(c, 2)))
#define ENTRY_4(name, Params, a, b, c, d) ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1), AT(c, 2), AT(d, 3)))
#define ENTRY_5(name, Params, a, b, c, d, e)                                                                            \
  ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1), AT(c, 2), AT(d, 3), AT(e, 4)))
#define ENTRY_6(name, Params, a, b, c, d, e, f)                                                                         \
  ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1), AT(c, 2), AT(d, 3), AT(e, 4), AT(f, 5)))
#define ENTRY_7(name, Params, a, b, c, d, e, f, g)                                                                      \
  ENTRY(name, name(*static_cast<const Params *>(params), AT(a, 0), AT(b, 1), AT(c, 2), AT(d, 3), AT(e, 4), AT(f, 5), AT(g, 6)))
