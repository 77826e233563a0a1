//! WGSL of the matrix product: a tile of C per group, 16 x 16 threads, `each` x `each` elements per thread, factors staged
//! through the group's memory. Elements of 16 and 8 bits are read from words of 32: every device can do that, also one
//! without 16-bit types; f16 and bf16 become f32 exactly, four int8 go into one dot product.
use std::fmt::Write;

use crate::shape::Dtype;

/// Writes to a string, which cannot fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => {{ let _ = writeln!($out, $($text)*); }};
}

/// Threads of a group in each direction.
const SIDE: usize = 16;
/// Steps along k that are staged at once; of int8 each step is four elements.
const DEPTH: usize = 8;

const HEADER: &str = "
struct Params {
  m: u32, k: u32, n: u32, row_tiles: u32,
  a_row: u32, a_column: u32, b_row: u32, b_column: u32,
  first: u32, column: u32, add: u32, unused: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
";

macro_rules! sources {
    ($($name:ident $dtype:ident $each:literal)*) => {$(
        pub fn $name() -> String {
            source(stringify!($name), Dtype::$dtype, $each)
        }
    )*};
}

sources! {
    matmul_f32_64 F32 4
    matmul_f32_128 F32 8
    matmul_f16_64 F16 4
    matmul_f16_128 F16 8
    matmul_bf16_64 Bf16 4
    matmul_bf16_128 Bf16 8
    matmul_int8_64 Int8 4
    matmul_int8_128 Int8 8
}

/// How an element of that type is read from a buffer of words.
fn element(dtype: Dtype, factor: char) -> String {
    match dtype {
        Dtype::F32 => format!("fn {factor}_at(i: u32) -> f32 {{ return bitcast<f32>({factor}[i]); }}"),
        Dtype::F16 => format!(
            "fn {factor}_at(i: u32) -> f32 {{ let w = unpack2x16float({factor}[i >> 1u]); return select(w.x, w.y, (i & 1u) == 1u); }}"
        ),
        Dtype::Bf16 => format!(
            "fn {factor}_at(i: u32) -> f32 {{ let w = {factor}[i >> 1u]; return bitcast<f32>(select(w << 16u, w & 0xffff0000u, (i & 1u) == 1u)); }}"
        ),
        Dtype::Int8 => {
            format!("fn {factor}_at(i: u32) -> u32 {{ return ({factor}[i >> 2u] >> ((i & 3u) * 8u)) & 0xffu; }}")
        }
    }
}

/// A function that reads one staged step of a factor, zero outside of it: `line` counts along m or n, `k` along k.
fn staged(dtype: Dtype, factor: char, stride: &str, along: &str, size: &str) -> String {
    if dtype != Dtype::Int8 {
        return format!(
            "fn {factor}_step(base: u32, line: u32, k: u32) -> f32 {{
  if (line >= {size} || k >= p.k) {{ return 0.0; }}
  return {factor}_at(base + line * {stride} + k * {along});
}}"
        );
    }
    format!(
        "fn {factor}_step(base: u32, line: u32, k: u32) -> u32 {{
  if (line >= {size}) {{ return 0u; }}
  let at = base + line * {stride} + 4u * k * {along};
  if ({along} == 1u && (at & 3u) == 0u && 4u * k + 3u < p.k) {{ return {factor}[at >> 2u]; }}
  var word = 0u;
  for (var i = 0u; i < 4u; i++) {{
    if (4u * k + i < p.k) {{ word |= {factor}_at(at + i * {along}) << (8u * i); }}
  }}
  return word;
}}"
    )
}

fn source(name: &str, dtype: Dtype, each: usize) -> String {
    let tile = SIDE * each;
    let (staging, sum) = if dtype == Dtype::Int8 { ("u32", "i32") } else { ("f32", "f32") };
    let mut out = String::from(HEADER);
    for (binding, factor) in [(1, 'a'), (2, 'b')] {
        line!(out, "@group(0) @binding({binding}) var<storage, read> {factor}: array<u32>;");
        line!(out, "{}", element(dtype, factor));
    }
    line!(out, "{}", staged(dtype, 'a', "p.a_row", "p.a_column", "p.m"));
    line!(out, "{}", staged(dtype, 'b', "p.b_column", "p.b_row", "p.n"));
    line!(out, "@group(0) @binding(3) var<storage, read_write> c: array<{sum}>;");
    for factor in ['a', 'b'] {
        line!(out, "var<workgroup> {factor}_tile: array<{staging}, {}>;", tile * DEPTH);
    }
    line!(out, "@compute @workgroup_size({SIDE}, {SIDE})");
    line!(out, "fn {name}(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>) {{");
    line!(out, "  let index = p.first + group.y;");
    line!(out, "  let item = index / p.row_tiles;");
    line!(out, "  let row = (index % p.row_tiles) * {tile}u;");
    line!(out, "  let column = (p.column + group.x) * {tile}u;");
    line!(out, "  let a_base = item * p.m * p.k;\n  let b_base = item * p.k * p.n;");
    line!(out, "  let flat = id.y * {SIDE}u + id.x;");
    for i in 0..each {
        for j in 0..each {
            line!(out, "  var c{i}_{j} = {sum}(0);");
        }
    }
    let steps = if dtype == Dtype::Int8 { "(p.k + 3u) / 4u" } else { "p.k" };
    line!(out, "  let steps = {steps};");
    line!(out, "  for (var k = 0u; k < steps; k += {DEPTH}u) {{");
    // Neighbouring threads read neighbouring elements: along k where that is the contiguous direction, else along lines.
    for (factor, along, base) in [('a', "p.a_column", "row"), ('b', "p.b_row", "column")] {
        line!(out, "    for (var s = flat; s < {}u; s += {}u) {{", tile * DEPTH, SIDE * SIDE);
        line!(out, "      var line = s % {tile}u; var step = s / {tile}u;");
        line!(out, "      if ({along} == 1u) {{ line = s / {DEPTH}u; step = s % {DEPTH}u; }}");
        line!(
            out,
            "      {factor}_tile[step * {tile}u + line] = {factor}_step({factor}_base, {base} + line, k + step);"
        );
        line!(out, "    }}");
    }
    line!(out, "    workgroupBarrier();");
    line!(out, "    for (var s = 0u; s < {}u; s += {tile}u) {{", tile * DEPTH);
    for i in 0..each {
        line!(out, "      let a{i} = a_tile[s + id.y + {}u];", i * SIDE);
        line!(out, "      let b{i} = b_tile[s + id.x + {}u];", i * SIDE);
    }
    for i in 0..each {
        for j in 0..each {
            if dtype == Dtype::Int8 {
                line!(out, "      c{i}_{j} += dot4I8Packed(a{i}, b{j});");
            } else {
                line!(out, "      c{i}_{j} = fma(a{i}, b{j}, c{i}_{j});");
            }
        }
    }
    line!(out, "    }}\n    workgroupBarrier();\n  }}");
    line!(out, "  let out = item * p.m * p.n + (row + id.y) * p.n + column + id.x;");
    for i in 0..each {
        for j in 0..each {
            let (y, x) = (i * SIDE, j * SIDE);
            line!(out, "  if (row + id.y + {y}u < p.m && column + id.x + {x}u < p.n) {{");
            line!(out, "    let at = out + {y}u * p.n + {x}u;");
            line!(out, "    if (p.add == 1u) {{ c[at] += c{i}_{j}; }} else {{ c[at] = c{i}_{j}; }}\n  }}");
        }
    }
    out.push_str("}\n");
    out
}
