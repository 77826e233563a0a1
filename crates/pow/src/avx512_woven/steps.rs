//! Instructions of SHA-256 of 16 messages, which work in `zmm0` to `zmm3` and leave nothing there.

/// One instruction.
macro_rules! i {
    ($name:literal $first:expr $(, $more:expr)*) => {
        concat!($name, " ", $first, $(", ", $more,)* "\n")
    };
}

/// The fields of step `$t`: `{step}` points to the 32 steps of this half pass, `{word}` to the 16 whose words it computes. Both
/// point 4,096 bytes further, as offsets of up to 8,128 bytes either way take one byte of an instruction.
macro_rules! a {
    ($t:tt - $back:tt) => {
        concat!("[{step} + 256 * (", $t, " - ", $back, ") - 4096]")
    };
}
macro_rules! e {
    ($t:tt - $back:tt) => {
        concat!("[{step} + 256 * (", $t, " - ", $back, ") + 64 - 4096]")
    };
}
macro_rules! kw {
    ($pointer:literal $t:tt) => {
        concat!("[", $pointer, " + 256 * ", $t, " + 128 - 4096]")
    };
}
macro_rules! w {
    ($t:tt - $back:tt) => {
        concat!("[{word} + 256 * (", $t, " - ", $back, ") + 192 - 4096]")
    };
}

/// Step `$t` of this half pass. Ternary logic is named by its truth table: 0x96 a^b^c, 0xca a?b:c, 0xe8 majority.
macro_rules! step {
    ($t:tt) => {
        concat!(
            i!("vprord" "zmm0", e!($t - 1), 6),
            i!("vprord" "zmm1", e!($t - 1), 11),
            i!("vprord" "zmm2", e!($t - 1), 25),
            i!("vpternlogd" "zmm0", "zmm1", "zmm2", 0x96),
            i!("vmovdqa64" "zmm1", e!($t - 1)),
            i!("vmovdqa64" "zmm2", e!($t - 2)),
            i!("vpternlogd" "zmm1", "zmm2", e!($t - 3), 0xca),
            i!("vmovdqa64" "zmm2", e!($t - 4)),
            i!("vpaddd" "zmm2", "zmm2", kw!("{step}" $t)),
            i!("vpaddd" "zmm1", "zmm1", "zmm2"),
            i!("vpaddd" "zmm0", "zmm0", "zmm1"),
            i!("vpaddd" "zmm1", "zmm0", a!($t - 4)),
            i!("vmovdqa64" e!($t - 0), "zmm1"),
            i!("vprord" "zmm1", a!($t - 1), 2),
            i!("vprord" "zmm2", a!($t - 1), 13),
            i!("vprord" "zmm3", a!($t - 1), 22),
            i!("vpternlogd" "zmm1", "zmm2", "zmm3", 0x96),
            i!("vmovdqa64" "zmm2", a!($t - 1)),
            i!("vmovdqa64" "zmm3", a!($t - 2)),
            i!("vpternlogd" "zmm2", "zmm3", a!($t - 3), 0xe8),
            i!("vpaddd" "zmm1", "zmm1", "zmm2"),
            i!("vpaddd" "zmm0", "zmm0", "zmm1"),
            i!("vmovdqa64" a!($t - 0), "zmm0"),
        )
    };
}

/// Word `$t` of those that this half pass computes.
macro_rules! word {
    ($t:tt) => {
        concat!(
            i!("vprord" "zmm0", w!($t - 2), 17),
            i!("vprord" "zmm1", w!($t - 2), 19),
            i!("vpsrld" "zmm2", w!($t - 2), 10),
            i!("vpternlogd" "zmm0", "zmm1", "zmm2", 0x96),
            i!("vprord" "zmm1", w!($t - 15), 7),
            i!("vprord" "zmm2", w!($t - 15), 18),
            i!("vpsrld" "zmm3", w!($t - 15), 3),
            i!("vpternlogd" "zmm1", "zmm2", "zmm3", 0x96),
            i!("vpaddd" "zmm0", "zmm0", w!($t - 7)),
            i!("vpaddd" "zmm1", "zmm1", w!($t - 16)),
            i!("vpaddd" "zmm0", "zmm0", "zmm1"),
            i!("vmovdqa64" w!($t - 0), "zmm0"),
            i!("vpaddd" "zmm0", "zmm0", concat!("[{k} + 4 * ", $t, "]{{1to16}}")),
            i!("vmovdqa64" kw!("{word}" $t), "zmm0"),
        )
    };
}
