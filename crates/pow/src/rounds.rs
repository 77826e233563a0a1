//! The rounds of Keccak-f, written once for vectors of every width and for single lanes. [`rounds!`] expands inside a
//! module that defines `V` (64-bit lanes side by side), the operations on it, and how it applies theta: `D` is what
//! `mix` makes of the two columns beside a column, `mixed!` puts that on a lane and rotates it.

/// The five rows after theta, rho, pi and chi: `$lane!(i, bits)` is lane i after theta, rotated.
macro_rules! rows {
    ($lane:ident) => {{
        let r0 = chi5([$lane!(0), $lane!(6, 44), $lane!(12, 43), $lane!(18, 21), $lane!(24, 14)]);
        let r1 = chi5([$lane!(3, 28), $lane!(9, 20), $lane!(10, 3), $lane!(16, 45), $lane!(22, 61)]);
        let r2 = chi5([$lane!(1, 1), $lane!(7, 6), $lane!(13, 25), $lane!(19, 8), $lane!(20, 18)]);
        let r3 = chi5([$lane!(4, 27), $lane!(5, 36), $lane!(11, 10), $lane!(17, 15), $lane!(23, 56)]);
        let r4 = chi5([$lane!(2, 62), $lane!(8, 55), $lane!(14, 39), $lane!(15, 41), $lane!(21, 2)]);
        [r0, r1, r2, r3, r4]
    }};
}
pub(crate) use rows;

/// Expands to `round`, `first_round` and `permute_head`.
macro_rules! rounds {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        fn chi5(b: [V; 5]) -> [V; 5] {
            [chi(b[0], b[1], b[2]), chi(b[1], b[2], b[3]), chi(b[2], b[3], b[4]), chi(b[3], b[4], b[0]), chi(b[4], b[0], b[1])]
        }

        /// The state of five rows, and iota.
        $(#[$attribute])*
        fn join(rows: [[V; 5]; 5], constant: u64) -> [V; 25] {
            let [a, b, c, d, e] = rows;
            [
                xor(a[0], splat64(constant)), a[1], a[2], a[3], a[4],
                b[0], b[1], b[2], b[3], b[4],
                c[0], c[1], c[2], c[3], c[4],
                d[0], d[1], d[2], d[3], d[4],
                e[0], e[1], e[2], e[3], e[4],
            ]
        }

        /// What theta puts on the lanes of each column.
        $(#[$attribute])*
        fn theta(a: &[V; 25]) -> [D; 5] {
            let c0 = xor3(xor(xor(a[0], a[5]), a[10]), a[15], a[20]);
            let c1 = xor3(xor(xor(a[1], a[6]), a[11]), a[16], a[21]);
            let c2 = xor3(xor(xor(a[2], a[7]), a[12]), a[17], a[22]);
            let c3 = xor3(xor(xor(a[3], a[8]), a[13]), a[18], a[23]);
            let c4 = xor3(xor(xor(a[4], a[9]), a[14]), a[19], a[24]);
            mix5(c0, c1, c2, c3, c4)
        }

        /// One round. Each place that calls it has its own `PLACE`: the compiler puts a function that is called once in its place.
        $(#[$attribute])*
        fn round<const PLACE: u8>(a: &[V; 25], constant: u64) -> [V; 25] {
            let d = theta(a);
            macro_rules! lane {
                ($i:tt) => { mixed!(a[$i], d[$i]) };
                ($i:tt, $bits:tt) => { mixed!(a[$i], d[$i % 5], $bits) };
            }
            join(rows!(lane), constant)
        }

        /// The first round of a 32-byte message, where all but four lanes are known.
        $(#[$attribute])*
        fn first_round(m: &[V; 4]) -> [V; 25] {
            let top = splat64(1 << 63);
            let one = splat64(1);
            let c1 = xor(m[1], top);
            let d0 = xor(one, rol!(c1, 1));
            let d1 = xor(m[0], rol!(m[2], 1));
            let d2 = xor(c1, rol!(m[3], 1));
            let d3 = xor(m[2], splat64(2));
            let d4 = xor(m[3], rol!(m[0], 1));
            let t = [
                xor(m[0], d0), xor(m[1], d1), xor(m[2], d2), xor(m[3], d3), xor(one, d4),
                d0, d1, d2, d3, d4,
                d0, d1, d2, d3, d4,
                d0, xor(top, d1), d2, d3, d4,
                d0, d1, d2, d3, d4,
            ];
            macro_rules! lane {
                ($i:tt) => { t[$i] };
                ($i:tt, $bits:tt) => { rol!(t[$i], $bits) };
            }
            join(rows!(lane), ROUND_CONSTANTS[0])
        }

        /// Lane 0 of keccak256 of the 32-byte message of every lane.
        $(#[$attribute])*
        pub fn keccak_head(m: &[V; 4]) -> V {
            let mut state = first_round(m);
            for [even, odd] in ROUND_CONSTANTS[1..23].as_chunks().0 {
                state = round::<0>(&state, *even);
                state = round::<1>(&state, *odd);
            }
            // Of the last round, one lane is asked for.
            let d = theta(&state);
            let (b0, b1, b2) = (mixed!(state[0], d[0]), mixed!(state[6], d[1], 44), mixed!(state[12], d[2], 43));
            xor(chi(b0, b1, b2), splat64(ROUND_CONSTANTS[23]))
        }
    };
}
pub(crate) use rounds;
