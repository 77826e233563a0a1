//! Sparse rows in compressed form, borrowed and owned: what weights and bonds are kept in.
use crate::error::Error;

/// Sparse rows in compressed form: row i holds entries `offsets[i]..offsets[i + 1]`, uids strictly increasing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rows<'a> {
    /// n + 1 positions, from 0 to the number of entries.
    pub offsets: &'a [u32],
    /// Column of each entry.
    pub uids: &'a [u16],
    /// Value of each entry.
    pub values: &'a [u16],
}

/// One sparse row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    /// Columns, strictly increasing.
    pub uids: &'a [u16],
    /// Value of each.
    pub values: &'a [u16],
}

/// Sparse rows that own their entries; the layout of [`Rows`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedRows {
    /// n + 1 positions, from 0 to the number of entries.
    pub offsets: Vec<u32>,
    /// Column of each entry.
    pub uids: Vec<u16>,
    /// Value of each entry.
    pub values: Vec<u16>,
}

impl<'a> Row<'a> {
    /// Each entry as (uid, value).
    pub fn entries(self) -> impl Iterator<Item = (u16, u16)> + 'a {
        self.uids.iter().copied().zip(self.values.iter().copied())
    }
}

impl<'a> Rows<'a> {
    /// Row `i`, if the offsets delimit one of the entries: for rows that nobody has checked.
    pub fn get(&self, i: usize) -> Option<Row<'a>> {
        let &[from, to] = self.offsets.get(i..)?.first_chunk()?;
        let range = from as usize..to as usize;
        Some(Row { uids: self.uids.get(range.clone())?, values: self.values.get(range)? })
    }

    /// Row `i`. Only after the input was checked.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> Row<'a> {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        Row { uids: &self.uids[range.clone()], values: &self.values[range] }
    }

    /// That the offsets delimit n rows of the entries; the uids of each row are checked by `market.rs`.
    pub(crate) fn check(&self, list: &'static str, n: usize) -> Result<(), Error> {
        if self.offsets.len() != n + 1 {
            return Err(Error::Length { list, found: self.offsets.len().saturating_sub(1), expected: n });
        }
        if self.uids.len() != self.values.len() {
            return Err(Error::Length { list, found: self.values.len(), expected: self.uids.len() });
        }
        if self.offsets[0] != 0 {
            return Err(Error::Row { list, row: 0, why: "its offset is not 0" });
        }
        if self.offsets[n] as usize != self.uids.len() {
            return Err(Error::Row { list, row: n, why: "the last offset is not the number of entries" });
        }
        match self.offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            Some(row) => Err(Error::Row { list, row, why: "its offsets do not increase" }),
            None => Ok(()),
        }
    }
}

impl OwnedRows {
    /// The same rows, borrowed.
    pub fn lend(&self) -> Rows<'_> {
        Rows { offsets: &self.offsets, uids: &self.uids, values: &self.values }
    }
}

impl From<Rows<'_>> for OwnedRows {
    /// A copy, as it is: nothing is checked.
    fn from(rows: Rows<'_>) -> Self {
        Self { offsets: rows.offsets.to_vec(), uids: rows.uids.to_vec(), values: rows.values.to_vec() }
    }
}

impl<R: IntoIterator<Item = (u16, u16)>> FromIterator<R> for OwnedRows {
    /// Each item is the row of the next uid, as its entries (uid, value); fewer than 2³² entries in all.
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut out = Self { offsets: vec![0], ..Self::default() };
        for row in rows {
            for (uid, value) in row {
                out.uids.push(uid);
                out.values.push(value);
            }
            out.offsets.push(out.uids.len() as u32);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_collected_lent_and_copied_as_they_are() {
        let rows: OwnedRows = [vec![(1, 7), (3, 8)], vec![], vec![(0, 9)]].into_iter().collect();
        let expected = OwnedRows { offsets: vec![0, 2, 2, 3], uids: vec![1, 3, 0], values: vec![7, 8, 9] };
        assert_eq!(rows, expected);
        assert_eq!(OwnedRows::from(rows.lend()), expected);
        let lent = rows.lend();
        assert_eq!((0..3).map_while(|i| lent.get(i)).map(Row::entries).collect::<OwnedRows>(), expected);
        assert_eq!(std::iter::empty::<[(u16, u16); 1]>().collect::<OwnedRows>().offsets, [0]);
    }

    #[test]
    fn a_row_that_the_offsets_do_not_delimit_is_none() {
        let get = |offsets: &[u32], i| Rows { offsets, uids: &[4, 5], values: &[6] }.get(i).map(|row| row.uids.len());
        assert_eq!(get(&[0, 1], 0), Some(1));
        assert_eq!(get(&[1, 0], 0), None);
        assert_eq!(get(&[0, 2], 0), None, "there is one value");
        assert_eq!(get(&[0, u32::MAX], 0), None);
        assert_eq!((get(&[0, 1], 1), get(&[0, 1], 2), get(&[0, 1], usize::MAX), get(&[], 0)), (None, None, None, None));
    }
}
