//! Structured values out of arbitrary bytes: what is missing reads as zero, so that every input is some case.

pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Up to `count` bytes: fewer where the input ends.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let head = self.bytes(N);
        out[..head.len()].copy_from_slice(head);
        out
    }

    pub fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// 0..=most, by one or two bytes.
    pub fn up_to(&mut self, most: usize) -> usize {
        let draw = if most < 256 { usize::from(self.u8()) } else { usize::from(self.u16()) };
        draw % (most + 1)
    }

    /// A number that is often at an edge of its type.
    pub fn edge(&mut self) -> u64 {
        match self.u8() % 8 {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => (1 << 63) - 1,
            4 => 1 << 63,
            5 => u64::from(self.u16()),
            6 => 1_000_000,
            _ => self.u64(),
        }
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
