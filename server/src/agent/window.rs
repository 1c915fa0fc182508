//! The bytes that an input received from one source and that are not in the queue yet.

use std::time::Duration;

use tokio::time::Instant;

use super::checkpoints::Sending;

/// The bytes from which on a window takes no more; the source has to wait.
pub(super) const WINDOW_BYTES: usize = 1 << 20;
/// The last record is complete when nothing arrived for so long.
const SETTLED: Duration = Duration::from_secs(1);
/// What was sent before a crash must arrive again before such a silence. Otherwise the source has lost it.
const REPEATED: Duration = Duration::from_secs(5);

/// Received bytes.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// When the last ones arrived.
    changed: Instant,
    /// The bytes that were sent before a crash, so they may be in the queue already.
    sending: Option<Sending>,
}

impl Window {
    /// An empty window. `sending`: see [`super::checkpoints::Checkpoint`].
    pub(super) fn new(sending: Option<Sending>) -> Self {
        Self { bytes: Vec::new(), changed: Instant::now(), sending }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.changed = Instant::now();
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= WINDOW_BYTES
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Removes the next records and returns them. `complete` returns the length of complete records; its second
    /// argument tells whether the last one is complete, too. `is_ended`: nothing more will arrive.
    pub(super) fn take(
        &mut self,
        is_ended: bool,
        complete: impl Fn(&[u8], bool) -> usize,
    ) -> Option<(Vec<u8>, Sending)> {
        if self.bytes.is_empty() {
            return None;
        }
        let silence = self.changed.elapsed();
        if let Some(sending) = &self.sending {
            let end = usize::try_from(sending.end).unwrap_or(usize::MAX);
            match self.bytes.get(..end) {
                Some(bytes) if sending.is_of(bytes) => {
                    let sending = self.sending.take()?;
                    return Some((self.bytes.drain(..end).collect(), sending));
                }
                None if !is_ended && !self.is_full() && silence < REPEATED => return None,
                // Others: they were not sent before.
                _ => self.sending = None,
            }
        }
        let length = complete(&self.bytes, is_ended || silence >= SETTLED);
        if length == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.bytes.drain(..length).collect();
        let sending = Sending::new(length as u64, &bytes);
        Some((bytes, sending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], is_quiet: bool) -> usize {
        if is_quiet { bytes.len() } else { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1) }
    }

    fn take(window: &mut Window) -> Option<String> {
        window.take(false, lines).map(|(bytes, _)| String::from_utf8(bytes).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_record_waits_for_a_silence() {
        let mut window = Window::new(None);
        assert_eq!(take(&mut window), None);
        window.add(b"one\ntwo");
        assert_eq!(take(&mut window).as_deref(), Some("one\n"));
        assert_eq!(take(&mut window), None);
        tokio::time::advance(SETTLED).await;
        assert_eq!(take(&mut window).as_deref(), Some("two"));
        window.add(b"three");
        assert_eq!(window.take(true, lines).unwrap().0, b"three");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_sent_is_sent_again_under_its_id() {
        let before = Sending::new(8, b"one\ntwo\n");
        let mut window = Window::new(Some(before.clone()));
        window.add(b"one\n");
        assert_eq!(take(&mut window), None);
        window.add(b"two\nthree\n");
        assert_eq!(window.take(false, lines), Some((b"one\ntwo\n".to_vec(), before.clone())));
        assert_eq!(take(&mut window).as_deref(), Some("three\n"));

        // Other bytes get another id, and bytes that never come are not waited for.
        let mut window = Window::new(Some(before.clone()));
        window.add(b"other\nlines\n");
        assert_ne!(window.take(false, lines).unwrap().1.id, before.id);
        let mut window = Window::new(Some(before));
        window.add(b"one\n");
        assert_eq!(take(&mut window), None);
        tokio::time::advance(REPEATED).await;
        assert_eq!(take(&mut window).as_deref(), Some("one\n"));
    }
}
