//! Rows of tokens → each token once where neighbours begin alike, and where a row finds its own. What a causal decoder
//! computes at a position depends on the tokens up to it alone, so rows that begin alike need it once: values are the same,
//! and gradients add up there. Nothing is padded. It doesn't know of tensors.

use std::ops::Range;

/// Rows of tokens without padding or repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    tokens: Vec<u32>,
    rows: Vec<PackedRow>,
}

/// Where one row's tokens are among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedRow {
    /// By position.
    pub(super) places: Vec<usize>,
    /// So many of the first positions belong to a row before this one.
    pub(super) shared: usize,
    /// The places of the others.
    pub(super) own: Range<usize>,
}

impl Packing {
    /// Packs rows, each compared with the one before it: sorted rows share all they can.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut packing = Self::default();
        let mut last: &[u32] = &[];
        for row in rows {
            let shared = last.iter().zip(row).take_while(|(a, b)| a == b).count();
            let start = packing.tokens.len();
            packing.tokens.extend_from_slice(&row[shared..]);
            let own = start..packing.tokens.len();
            let before = packing.rows.last().map_or(&[][..], |row| &row.places);
            let places = before[..shared].iter().copied().chain(own.clone());
            let places = places.collect();
            packing.rows.push(PackedRow {
                places,
                shared,
                own,
            });
            last = row;
        }
        packing
    }

    /// All tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Where a row's token is among all.
    ///
    /// # Panics
    /// When there is no such row or position.
    pub fn place(&self, row: usize, position: usize) -> usize {
        self.rows[row].places[position]
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> usize {
        self.rows
            .iter()
            .map(|row| row.places.len())
            .max()
            .unwrap_or(0)
    }

    pub(super) fn rows(&self) -> &[PackedRow] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_what_they_begin_with() {
        let rows: [&[u32]; 5] = [&[7, 8, 9], &[7, 8, 4, 5], &[7, 8, 4, 5], &[7], &[3, 8]];
        let packing = Packing::new(rows);
        assert_eq!(packing.tokens(), [7, 8, 9, 4, 5, 3, 8]);
        assert_eq!(packing.longest(), 4);
        for (index, row) in rows.iter().enumerate() {
            let found =
                (0..row.len()).map(|position| packing.tokens()[packing.place(index, position)]);
            assert!(found.eq(row.iter().copied()));
        }
        let shared: Vec<usize> = packing.rows().iter().map(|row| row.shared).collect();
        assert_eq!(shared, [0, 2, 4, 1, 0]);
        assert_eq!(packing.rows()[2].own, 5..5);
        assert_eq!(packing.rows()[1].places, [0, 1, 3, 4]);
    }

    #[test]
    fn nothing_and_empty_rows_are_packed_too() {
        assert_eq!(Packing::new([]).longest(), 0);
        let rows: [&[u32]; 3] = [&[], &[1], &[]];
        let packing = Packing::new(rows);
        assert_eq!((packing.tokens(), packing.rows().len()), (&[1][..], 3));
    }
}
