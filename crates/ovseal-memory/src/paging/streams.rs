//! Readers that read chunks in order, and the chunks that they will read next.

use std::ops::Range;

/// The readers in order that were seen last.
///
/// A reader is recognized by its place, not by its thread: a runtime's threads take turns.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Stream>);

#[derive(Debug)]
struct Stream {
    /// The chunk that its reader waited for last.
    last: usize,
    /// The chunks to fill before the reader comes to them.
    ahead: Range<usize>,
    /// The first chunk that the filler does not expect yet.
    expected: usize,
}

impl Streams {
    /// Notes that a reader waits for chunk `index` of `count`. If it reads in order, plans to fill
    /// the next `distance` chunks, and returns those that the filler should expect.
    pub(super) fn note(&mut self, index: usize, distance: usize, count: usize) -> Range<usize> {
        let near = |stream: &Stream| (stream.last..=stream.last + distance + 1).contains(&index);
        let Some(found) = self.0.iter().position(near) else {
            self.0.truncate(STREAMS - 1);
            self.0.insert(0, Stream { last: index, ahead: 0..0, expected: index + 1 });
            return 0..0;
        };
        let mut stream = self.0.remove(found);
        let reach = |chunks: usize| index.saturating_add(1 + chunks).min(count);
        let expected = stream.expected.max(index + 1)..reach(EXPECTED * distance);
        stream.last = index;
        stream.ahead = index + 1..reach(distance);
        stream.expected = stream.expected.max(expected.end);
        self.0.insert(0, stream);
        expected
    }

    /// Returns the next chunk to fill: of the reader that waited last first.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.0.iter_mut().find_map(|stream| stream.ahead.next())
    }

    /// Forgets what was planned.
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(|stream| stream.ahead = 0..0);
    }
}

/// More than there are threads that read at once on small machines.
const STREAMS: usize = 8;

/// The filler reads this many times as far ahead.
const EXPECTED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(streams: &mut Streams) -> Vec<usize> {
        std::iter::from_fn(|| streams.next()).collect()
    }

    #[test]
    fn readers_in_order_are_followed_each_for_itself() {
        let mut streams = Streams::default();
        assert_eq!(streams.note(10, 2, 100), 0..0);
        assert_eq!(streams.note(50, 2, 100), 0..0);
        assert_eq!(planned(&mut streams), [], "nothing shows yet that they read in order");
        assert_eq!(streams.note(11, 2, 100), 12..20);
        assert_eq!(streams.note(51, 2, 100), 52..60);
        assert_eq!(planned(&mut streams), [52, 53, 12, 13]);
        assert_eq!(streams.note(14, 2, 100), 20..23);
        assert_eq!(planned(&mut streams), [15, 16]);
    }

    #[test]
    fn readers_elsewhere_are_not_followed_and_nothing_is_beyond_the_end() {
        let mut streams = Streams::default();
        for index in [10, 20, 5, 90] {
            assert_eq!(streams.note(index, 2, 100), 0..0);
        }
        assert_eq!(streams.note(98, 2, 100), 0..0);
        assert_eq!(streams.note(99, 2, 100), 100..100);
        assert_eq!(planned(&mut streams), []);
        streams.note(6, 2, 100);
        streams.clear();
        assert_eq!(planned(&mut streams), []);
    }

    #[test]
    fn old_readers_are_forgotten() {
        let mut streams = Streams::default();
        for index in 0..20 {
            streams.note(10 * index, 2, 1000);
        }
        assert_eq!(streams.0.len(), STREAMS);
        assert_eq!(streams.note(1, 2, 1000), 0..0);
    }
}
