//! Instructions of Keccak-f over eight states, whose lanes are in `zmm7` to `zmm31`; `zmm0` to `zmm6` are for their use alone.

/// Columns of the state, in `zmm0` to `zmm4`.
macro_rules! columns {
    ($($column:literal: $a0:tt $a1:tt $a2:tt $a3:tt $a4:tt,)*) => {
        concat!(
            $(i!("vpxorq" $column, $a0, $a1),)*
            $(i!("vpxorq" $column, $column, $a2),)*
            $(i!("vpternlogq" $column, $a3, $a4, 0x96),)*
        )
    };
}

/// What theta puts on the lanes of each column, from the columns: column 0 in `zmm6`, 1 to 3 in `zmm2` to `zmm4`, 4 in `zmm5`.
macro_rules! mix {
    () => {
        concat!(
            i!("vprolq" "zmm5", "zmm0", 1),
            i!("vprolq" "zmm6", "zmm1", 1),
            i!("vpxorq" "zmm6", "zmm4", "zmm6"),
            i!("vprolq" "zmm4", "zmm4", 1),
            i!("vpxorq" "zmm4", "zmm2", "zmm4"),
            i!("vprolq" "zmm2", "zmm2", 1),
            i!("vpxorq" "zmm2", "zmm0", "zmm2"),
            i!("vpxorq" "zmm5", "zmm3", "zmm5"),
            i!("vprolq" "zmm3", "zmm3", 1),
            i!("vpxorq" "zmm3", "zmm1", "zmm3"),
        )
    };
}

/// Lane `$a` after theta and rho.
macro_rules! mixed {
    ($a:tt ^ $d:literal) => { i!("vpxorq" $a, $a, $d) };
    ($a:tt ^ $d:literal <<< $bits:literal) => { concat!(mixed!($a ^ $d), i!("vprolq" $a, $a, $bits)) };
}

/// chi on a row, in its place; 0xd2 is a ^ (!b & c).
macro_rules! chi {
    ($b0:tt $b1:tt $b2:tt $b3:tt $b4:tt) => {
        concat!(
            i!("vmovdqa64" "zmm0", $b0),
            i!("vpternlogq" $b0, $b1, $b2, 0xd2),
            i!("vmovdqa64" "zmm1", $b1),
            i!("vpternlogq" $b1, $b2, $b3, 0xd2),
            i!("vpternlogq" $b2, $b3, $b4, 0xd2),
            i!("vpternlogq" $b3, $b4, "zmm0", 0xd2),
            i!("vpternlogq" $b4, "zmm0", "zmm1", 0xd2),
        )
    };
}

/// iota of round `$round` on lane 0.
macro_rules! iota {
    ($a0:tt $round:tt) => { i!("vpxorq" $a0, $a0, concat!("[{iota} + 8 * ", $round, "]{{1to8}}")) };
}

/// A whole round on lanes in these registers.
macro_rules! round {
    (
        $round:tt
        $a0:tt $a1:tt $a2:tt $a3:tt $a4:tt $a5:tt $a6:tt $a7:tt $a8:tt $a9:tt $a10:tt $a11:tt $a12:tt $a13:tt $a14:tt
        $a15:tt $a16:tt $a17:tt $a18:tt $a19:tt $a20:tt $a21:tt $a22:tt $a23:tt $a24:tt
    ) => {
        concat!(
            columns!(
                "zmm0": $a0 $a5 $a10 $a15 $a20,
                "zmm1": $a1 $a6 $a11 $a16 $a21,
                "zmm2": $a2 $a7 $a12 $a17 $a22,
                "zmm3": $a3 $a8 $a13 $a18 $a23,
                "zmm4": $a4 $a9 $a14 $a19 $a24,
            ),
            mix!(),
            mixed!($a0 ^ "zmm6"),
            mixed!($a6 ^ "zmm2" <<< 44),
            mixed!($a12 ^ "zmm3" <<< 43),
            mixed!($a18 ^ "zmm4" <<< 21),
            mixed!($a24 ^ "zmm5" <<< 14),
            chi!($a0 $a6 $a12 $a18 $a24),
            iota!($a0 $round),
            mixed!($a3 ^ "zmm4" <<< 28),
            mixed!($a9 ^ "zmm5" <<< 20),
            mixed!($a10 ^ "zmm6" <<< 3),
            mixed!($a16 ^ "zmm2" <<< 45),
            mixed!($a22 ^ "zmm3" <<< 61),
            chi!($a3 $a9 $a10 $a16 $a22),
            mixed!($a1 ^ "zmm2" <<< 1),
            mixed!($a7 ^ "zmm3" <<< 6),
            mixed!($a13 ^ "zmm4" <<< 25),
            mixed!($a19 ^ "zmm5" <<< 8),
            mixed!($a20 ^ "zmm6" <<< 18),
            chi!($a1 $a7 $a13 $a19 $a20),
            mixed!($a4 ^ "zmm5" <<< 27),
            mixed!($a5 ^ "zmm6" <<< 36),
            mixed!($a11 ^ "zmm2" <<< 10),
            mixed!($a17 ^ "zmm3" <<< 15),
            mixed!($a23 ^ "zmm4" <<< 56),
            chi!($a4 $a5 $a11 $a17 $a23),
            mixed!($a2 ^ "zmm3" <<< 62),
            mixed!($a8 ^ "zmm4" <<< 55),
            mixed!($a14 ^ "zmm5" <<< 39),
            mixed!($a15 ^ "zmm6" <<< 41),
            mixed!($a21 ^ "zmm2" <<< 2),
            chi!($a2 $a8 $a14 $a15 $a21),
        )
    };
}

/// The first round of a message of four lanes in the registers of lanes 0, 10, 20 and 5: where rows 0, 2, 4 and 1 begin with
/// them. All other lanes are known, and after theta equal to what it puts on their column.
macro_rules! first_round {
    () => {
        concat!(
            // zmm0 is column 1, of lane 1 and the end of the padding in lane 16; the padding begins in lane 4 with 1.
            i!("vpxorq" "zmm0", "zmm17", "[{padding}]{{1to8}}"),
            i!("vprolq" "zmm6", "zmm0", 1),
            i!("vpxorq" "zmm6", "zmm6", "[{padding} + 8]{{1to8}}"),
            i!("vprolq" "zmm2", "zmm27", 1),
            i!("vpxorq" "zmm2", "zmm2", "zmm7"),
            i!("vprolq" "zmm3", "zmm12", 1),
            i!("vpxorq" "zmm3", "zmm3", "zmm0"),
            i!("vpxorq" "zmm4", "zmm27", "[{padding} + 16]{{1to8}}"),
            i!("vprolq" "zmm5", "zmm7", 1),
            i!("vpxorq" "zmm5", "zmm5", "zmm12"),
            mixed!("zmm7" ^ "zmm6"),
            i!("vprolq" "zmm8", "zmm2", 44),
            i!("vprolq" "zmm9", "zmm3", 43),
            i!("vprolq" "zmm10", "zmm4", 21),
            i!("vprolq" "zmm11", "zmm5", 14),
            chi!("zmm7" "zmm8" "zmm9" "zmm10" "zmm11"),
            iota!("zmm7" 0),
            mixed!("zmm12" ^ "zmm4" <<< 28),
            i!("vprolq" "zmm13", "zmm5", 20),
            i!("vprolq" "zmm14", "zmm6", 3),
            i!("vpxorq" "zmm15", "zmm2", "[{padding}]{{1to8}}"),
            i!("vprolq" "zmm15", "zmm15", 45),
            i!("vprolq" "zmm16", "zmm3", 61),
            chi!("zmm12" "zmm13" "zmm14" "zmm15" "zmm16"),
            mixed!("zmm17" ^ "zmm2" <<< 1),
            i!("vprolq" "zmm18", "zmm3", 6),
            i!("vprolq" "zmm19", "zmm4", 25),
            i!("vprolq" "zmm20", "zmm5", 8),
            i!("vprolq" "zmm21", "zmm6", 18),
            chi!("zmm17" "zmm18" "zmm19" "zmm20" "zmm21"),
            i!("vpxorq" "zmm22", "zmm5", "[{padding} + 8]{{1to8}}"),
            i!("vprolq" "zmm22", "zmm22", 27),
            i!("vprolq" "zmm23", "zmm6", 36),
            i!("vprolq" "zmm24", "zmm2", 10),
            i!("vprolq" "zmm25", "zmm3", 15),
            i!("vprolq" "zmm26", "zmm4", 56),
            chi!("zmm22" "zmm23" "zmm24" "zmm25" "zmm26"),
            mixed!("zmm27" ^ "zmm3" <<< 62),
            i!("vprolq" "zmm28", "zmm4", 55),
            i!("vprolq" "zmm29", "zmm5", 39),
            i!("vprolq" "zmm30", "zmm6", 41),
            i!("vprolq" "zmm31", "zmm2", 2),
            chi!("zmm27" "zmm28" "zmm29" "zmm30" "zmm31"),
        )
    };
}

/// Of the last round, lane 0, to `zmm0`.
macro_rules! last_round {
    (
        $a0:tt $a1:tt $a2:tt $a3:tt $a4:tt $a5:tt $a6:tt $a7:tt $a8:tt $a9:tt $a10:tt $a11:tt $a12:tt $a13:tt $a14:tt
        $a15:tt $a16:tt $a17:tt $a18:tt $a19:tt $a20:tt $a21:tt $a22:tt $a23:tt $a24:tt
    ) => {
        concat!(
            columns!(
                "zmm0": $a0 $a5 $a10 $a15 $a20,
                "zmm1": $a1 $a6 $a11 $a16 $a21,
                "zmm2": $a2 $a7 $a12 $a17 $a22,
                "zmm3": $a3 $a8 $a13 $a18 $a23,
                "zmm4": $a4 $a9 $a14 $a19 $a24,
            ),
            mix!(),
            mixed!($a0 ^ "zmm6"),
            mixed!($a6 ^ "zmm2" <<< 44),
            mixed!($a12 ^ "zmm3" <<< 43),
            i!("vpternlogq" $a0, $a6, $a12, 0xd2),
            // 22 rounds were counted off.
            iota!($a0 1),
            i!("vmovdqa64" "zmm0", $a0),
        )
    };
}
