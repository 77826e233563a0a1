// What the kernels use of CUDA, written down once. Under clang's CUDA mode these are the hardware's own instructions
// (no toolkit header is needed); compiled as plain C++ they come from tests/cuda/host.h, which runs the threads of a block
// as fibers, so that the same text is tested on a CPU.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDA__

#define KERNEL(threads, blocks) extern "C" __attribute__((global)) __attribute__((launch_bounds(threads, blocks))) void
#define DEVICE static inline __attribute__((device)) __attribute__((always_inline))
#define SHARED static __attribute__((shared)) __attribute__((aligned(16)))
#define UNROLL _Pragma("unroll")
#define ENTRY_1(name, params, first)
#define ENTRY_2(name, params, first, second)
#define ENTRY_3(name, params, first, second, third)
#define ENTRY_ALL_2(name, params, ...)
#define ENTRY_ALL_3(name, params, ...)
#define ENTRY_4(name, params, ...)
#define ENTRY_5(name, params, ...)
#define ENTRY_6(name, params, ...)
#define ENTRY_7(name, params, ...)

DEVICE u32 thread_x() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE u32 thread_y() { return __nvvm_read_ptx_sreg_tid_y(); }
DEVICE u32 block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE u32 block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE u32 threads_x() { return __nvvm_read_ptx_sreg_ntid_x(); }

/// Waits for all threads of the block.
DEVICE void barrier() { __nvvm_bar_sync(0); }

/// e^x and ln x by the hardware's powers and logarithms of two; about 2 units in the last place near 1.
DEVICE float exponential(float x) {
  float out;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x * 1.4426950408889634f));
  return out;
}
DEVICE float logarithm(float x) {
  float out;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out * 0.6931471805599453f;
}

DEVICE u32 atomic_min(u32 *to, u32 value) { return __nvvm_atom_min_gen_ui(to, value); }

/// A load that sees what other blocks have written.
DEVICE u32 load_fresh(const u32 *from) { return *(volatile const u32 *)from; }

/// Two funnel shifts of the halves; the compiler alone would make six instructions of it.
DEVICE u64 rotate_left(u64 lane, u32 n) {
  if (n == 0) return lane;
  u64 out;
  if (n < 32)
    asm("{ .reg .b32 l, h, x, y; mov.b64 {l, h}, %1; shf.l.wrap.b32 x, h, l, %2; shf.l.wrap.b32 y, l, h, %2; mov.b64 %0, {x, y}; }"
        : "=l"(out)
        : "l"(lane), "r"(n));
  else
    asm("{ .reg .b32 l, h, x, y; mov.b64 {l, h}, %1; shf.l.wrap.b32 x, l, h, %2; shf.l.wrap.b32 y, h, l, %2; mov.b64 %0, {x, y}; }"
        : "=l"(out)
        : "l"(lane), "r"(n - 32));
  return out;
}

/// A function of three lanes, named by its truth table as `lop3` wants it: one instruction per half. Left to itself the
/// compiler regroups exclusive ors across rounds, and loses that.
#define THREE_LANES(name, table)                                                                                        \
  DEVICE u64 name(u64 a, u64 b, u64 c) {                                                                               \
    u64 out;                                                                                                           \
    asm("{ .reg .b32 al, ah, bl, bh, cl, ch; mov.b64 {al, ah}, %1; mov.b64 {bl, bh}, %2; mov.b64 {cl, ch}, %3; "        \
        "lop3.b32 al, al, bl, cl, " table "; lop3.b32 ah, ah, bh, ch, " table "; mov.b64 %0, {al, ah}; }"                \
        : "=l"(out)                                                                                                    \
        : "l"(a), "l"(b), "l"(c));                                                                                     \
    return out;                                                                                                        \
  }
THREE_LANES(xor3, "0x96")
/// a ^ (~b & c)
THREE_LANES(chi, "0xd2")

DEVICE u32 shared_address(const void *pointer) {
  u32 address;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(address) : "l"(pointer));
  return address;
}

/// Begins to copy 16 bytes, both ends aligned to them.
DEVICE void copy_begin(void *to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"(shared_address(to)), "l"(from) : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" : : : "memory"); }
/// Waits until all but the last committed group have arrived.
DEVICE void copy_wait_all_but_one() { asm volatile("cp.async.wait_group 1;" : : : "memory"); }

/// Four 8 x 8 matrices of 16 bits: thread t names row t % 8 of matrix t / 8, and gets word t % 4 of row t / 4 of each.
DEVICE void load_matrices(u32 out[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

#define MULTIPLY_FLOAT(name, type)                                                                                      \
  DEVICE void name(float c[4], const u32 a[4], const u32 b[2]) {                                                       \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "     \
        "{%0, %1, %2, %3};"                                                                                            \
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                               \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                                           \
  }
MULTIPLY_FLOAT(multiply_f16, "f16")
MULTIPLY_FLOAT(multiply_bf16, "bf16")

DEVICE void multiply_int8(int c[4], const u32 a[4], const u32 b[2]) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else
#include "host.h"
#endif
