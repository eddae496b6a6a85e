//! Stretches of true time, and sets of them.

/// From the first millisecond to the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

impl Span {
    pub fn has(self, at: i64) -> bool {
        (self.from..self.to).contains(&at)
    }

    pub fn length(self) -> i64 {
        (self.to - self.from).max(0)
    }

    /// Without so much at each end; empty when nothing is left.
    pub fn inner(self, margin: i64) -> Self {
        Self { from: self.from + margin, to: (self.to - margin).max(self.from + margin) }
    }
}

/// Spans in order, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    pub fn of(spans: Vec<Span>) -> Self {
        Self::bridged(spans, 0)
    }

    /// Spans with a gap of at most `gap` between them are one.
    pub fn bridged(mut spans: Vec<Span>, gap: i64) -> Self {
        spans.retain(|span| span.length() > 0);
        spans.sort_unstable();
        spans.dedup_by(|next, kept| {
            let joins = next.from <= kept.to + gap;
            if joins {
                kept.to = kept.to.max(next.to);
            }
            joins
        });
        Self(spans)
    }

    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.0.iter().copied()
    }

    /// The first that ends after `at`.
    pub fn next(&self, at: i64) -> Option<Span> {
        self.0.get(self.0.partition_point(|span| span.to <= at)).copied()
    }

    pub fn has(&self, at: i64) -> bool {
        self.next(at).is_some_and(|span| span.has(at))
    }

    pub fn meets(&self, other: Span) -> bool {
        self.next(other.from).is_some_and(|span| span.from < other.to)
    }

    /// What of `whole` is in none of them.
    pub fn gaps(&self, whole: Span) -> Vec<Span> {
        let (mut gaps, mut from) = (vec![], whole.from);
        let first = self.0.partition_point(|span| span.to <= whole.from);
        for span in self.0[first..].iter().take_while(|span| span.from < whole.to) {
            if span.from > from {
                gaps.push(Span { from, to: span.from });
            }
            from = from.max(span.to);
        }
        if whole.to > from {
            gaps.push(Span { from, to: whole.to });
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span { from, to }
    }

    #[test]
    fn spans_are_joined_found_and_taken_away() {
        let spans = Spans::of(vec![span(30, 40), span(0, 10), span(5, 12), span(7, 7)]);
        assert_eq!(spans.iter().collect::<Vec<_>>(), [span(0, 12), span(30, 40)]);
        assert_eq!((spans.has(11), spans.has(12), spans.next(12)), (true, false, Some(span(30, 40))));
        assert_eq!(spans.gaps(span(8, 50)), [span(12, 30), span(40, 50)]);
        assert!(spans.meets(span(11, 13)) && !spans.meets(span(12, 30)));
        assert_eq!(Spans::bridged(vec![span(0, 10), span(15, 20)], 5).iter().collect::<Vec<_>>(), [span(0, 20)]);
    }
}
