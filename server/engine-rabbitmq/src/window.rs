//! The prefetch window: how many messages the broker may send ahead of their acknowledgement.
//!
//! AMQP limits the number of messages, memory is limited in bytes, and the size of a message is known only on arrival.
//! So the count follows recent sizes: thousands of small messages, few large ones. The count of a subscription is
//! fixed, so a change needs a new subscription.

/// The minimum count: enough to store while others arrive.
const LEAST: u16 = 32;
/// The weight of a message in the moving average: larger ones count at once, smaller ones only in long runs. [`LEAST`]
/// messages are enough of a run, so that a window of small ones grows before any is acknowledged.
const LARGER: usize = 4;
const SMALLER: usize = 16;

/// The expected message size, and the resulting count.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: usize,
    most: u16,
    expected: usize,
}

impl Window {
    /// A window of `bytes`, and of at most `most` messages. It begins small.
    pub(crate) fn new(bytes: usize, most: u16) -> Self {
        Self { bytes, most: most.max(1), expected: bytes / usize::from(LEAST) }
    }

    /// Updates the expected size with an arrived message.
    pub(crate) fn arrived(&mut self, bytes: usize) {
        let (seen, expected) = (bytes.max(1), self.expected);
        self.expected = if seen > expected {
            expected + (seen - expected).div_ceil(LARGER)
        } else {
            expected - (expected - seen).div_ceil(SMALLER)
        };
    }

    /// The number of messages that fit.
    pub(crate) fn messages(&self) -> u16 {
        let fit = u16::try_from(self.bytes / self.expected.max(1)).unwrap_or(u16::MAX);
        fit.max(LEAST).min(self.most)
    }

    /// Whether a subscription with this count should be replaced: only if the count doubles or halves, or reaches its
    /// maximum.
    pub(crate) fn has_outgrown(&self, messages: u16) -> bool {
        let fit = self.messages();
        fit / 2 >= messages || fit <= messages / 2 || (fit == self.most && messages < fit)
    }

    /// Whether `held` bytes leave room for a new subscription, which counts from zero. Together they take at most 1.5
    /// times the window.
    pub(crate) fn has_room_beside(&self, held: usize) -> bool {
        held <= self.bytes / 2
    }

    /// Whether `held` bytes exceed the window.
    pub(crate) fn is_exceeded_by(&self, held: usize) -> bool {
        held > self.bytes + self.bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn after(sizes: impl IntoIterator<Item = usize>) -> Window {
        let mut window = Window::new(32 * MIB, 2_000);
        sizes.into_iter().for_each(|bytes| window.arrived(bytes));
        window
    }

    #[test]
    fn the_count_follows_the_sizes_within_the_bytes() {
        for (bytes, messages) in
            [(0, 2_000), (200, 2_000), (10_000, 2_000), (100_000, 335), (MIB, 32), (8 * MIB, 32), (usize::MAX >> 8, 32)]
        {
            let window = after(std::iter::repeat_n(bytes, 5_000));
            assert_eq!(window.messages(), messages, "{bytes}");
            assert!(!window.has_outgrown(messages));
        }
        assert_eq!(after([]).messages(), LEAST, "it begins with few");
        assert_eq!(Window::new(32 * MIB, 5).messages(), 5);
        assert_eq!(Window::new(0, 0).messages(), 1);
    }

    #[test]
    fn large_messages_make_it_shrink_at_once_and_small_ones_let_it_grow_slowly() {
        let small = std::iter::repeat_n(1_000, 2_000);
        assert!(after(small.clone().chain([4 * MIB])).messages() <= 32);
        let window = after(small.chain([200_000; 4]));
        assert!(window.messages() < 300 && window.has_outgrown(2_000), "{}", window.messages());
        assert!(after(std::iter::repeat_n(1_000, 8)).messages() < 64);
        let first = after(std::iter::repeat_n(1_000, usize::from(LEAST)));
        assert!(first.has_outgrown(LEAST), "{}", first.messages());
    }

    #[test]
    fn a_subscription_is_changed_for_twice_or_half_only() {
        let window = after(std::iter::repeat_n(100_000, 5_000));
        let outgrown = [(32, true), (167, true), (168, false), (335, false), (600, false), (670, true), (2_000, true)];
        for (messages, expected) in outgrown {
            assert_eq!(window.has_outgrown(messages), expected, "{messages}");
        }
    }

    #[test]
    fn held_bytes_stop_the_broker_and_let_it_go_on() {
        let window = after([]);
        assert!(!window.is_exceeded_by(48 * MIB) && window.is_exceeded_by(48 * MIB + 1));
        assert!(window.has_room_beside(16 * MIB) && !window.has_room_beside(16 * MIB + 1));
    }
}
