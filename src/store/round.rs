//! The way of a purge through a table that is too large for one call.

/// Once round a table, from where the last walk stopped to that place again. The default place is the table's beginning.
pub(super) struct Round<P> {
    start: P,
    /// Whether what lies before `start` is being walked through, or nothing does.
    is_wrapped: bool,
}

impl<P: Default + Ord> Round<P> {
    pub(super) fn from(start: P) -> Self {
        let is_wrapped = start == P::default();
        Self { start, is_wrapped }
    }

    /// Whether that was all, where a page ended at `next`, or with the table.
    pub(super) fn is_over(&mut self, next: Option<&P>) -> bool {
        match next {
            Some(next) => self.is_wrapped && self.start != P::default() && *next >= self.start,
            None => std::mem::replace(&mut self.is_wrapped, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_where_it_began() {
        let mut whole = Round::from(0);
        assert!(!whole.is_over(Some(&5)));
        assert!(whole.is_over(None), "from the beginning to the end of the table");

        let mut round = Round::from(5);
        for next in [Some(&7), Some(&9), None, Some(&3)] {
            assert!(!round.is_over(next), "{next:?}");
        }
        assert!(round.is_over(Some(&5)));

        let mut shrunk = Round::from(5);
        assert!(!shrunk.is_over(None));
        assert!(shrunk.is_over(None), "nothing is left where it began");
    }
}
