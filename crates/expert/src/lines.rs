//! Memory for rows that lie across the vectors. It begins on a line of the CPU's caches, so that no vector lies in two.
use crate::pointwise::{BLOCK, Columns};

const LINE_BYTES: usize = 64;

/// Rows of 32 numbers; what they hold at first is zero, later whatever was there.
#[derive(Default)]
pub struct Lines {
    memory: Vec<f32>,
    rows: usize,
}

impl Lines {
    /// Makes it `rows` rows. What they hold is lost where more memory is needed.
    pub fn fit(&mut self, rows: usize) {
        let numbers = rows * BLOCK + LINE_BYTES / size_of::<f32>();
        if numbers > self.memory.len() {
            self.memory = vec![0.0; numbers];
        }
        self.rows = rows;
    }

    fn first(&self) -> usize {
        // The offset is 16 numbers at most, and a platform that knows none reads from where the memory begins.
        self.memory.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES / size_of::<f32>())
    }

    pub fn rows(&self) -> &[Columns] {
        let first = self.first();
        self.memory.get(first..).unwrap_or_default().as_chunks().0.get(..self.rows).unwrap_or_default()
    }

    pub fn rows_mut(&mut self) -> &mut [Columns] {
        let (first, rows) = (self.first(), self.rows);
        self.memory.get_mut(first..).unwrap_or_default().as_chunks_mut().0.get_mut(..rows).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_on_a_line_and_keep_what_they_hold_when_there_are_fewer() {
        let mut lines = Lines::default();
        assert!(lines.rows().is_empty() && lines.rows_mut().is_empty());
        for rows in [1, 7, 100, 3] {
            lines.fit(rows);
            assert_eq!((lines.rows().len(), lines.rows_mut().len()), (rows, rows));
            assert_eq!(lines.rows().as_ptr().align_offset(LINE_BYTES), 0);
            lines.rows_mut()[rows - 1] = [rows as f32; BLOCK];
        }
        lines.fit(100);
        assert_eq!(lines.rows()[99], [100.0; BLOCK]);
        assert_eq!(lines.rows()[2], [3.0; BLOCK]);
    }
}
