//! Whether what is begun has ended when the call returns.

use super::ring::Wait;

/// Whether operations have usually ended when the entry that begins them returns, as a send has, or
/// a read of what is in the page cache. Then a look is enough where the caller would wait, and the
/// preparations for a sleep are spared. Where it was not, another is tried after a number of
/// entries that doubles each time: a look in vain costs a call.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    misses: u32,
    /// Entries before the next attempt.
    pause: u32,
}

impl Prompt {
    /// Entries before the second attempt, and before the later ones at most, as powers of two.
    const PAUSES_LOG2: std::ops::RangeInclusive<u32> = 5..=12;

    /// Whether a look is worth its call.
    #[inline]
    pub(super) fn is_likely(&self) -> bool {
        self.pause == 0
    }

    /// An entry that began something has returned.
    #[inline]
    pub(super) fn learn(&mut self, wait: Wait, has_come: bool) {
        match wait {
            Wait::Look if has_come => *self = Prompt::default(),
            Wait::Look => {
                let pause = self.misses + Prompt::PAUSES_LOG2.start();
                self.pause = 1 << pause.min(*Prompt::PAUSES_LOG2.end());
                self.misses = self.misses.saturating_add(1);
            }
            Wait::For { .. } => self.pause = self.pause.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Wait = Wait::For { completions: 1, timeout: None };

    /// Entries that wait until a look is tried again.
    fn pause(prompt: &mut Prompt) -> u32 {
        let mut entries = 0;
        while !prompt.is_likely() {
            prompt.learn(WAIT, true);
            entries += 1;
        }
        entries
    }

    #[test]
    fn a_look_in_vain_is_followed_by_a_pause_that_doubles_to_a_limit() {
        let mut prompt = Prompt::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            assert!(prompt.is_likely());
            prompt.learn(Wait::Look, false);
            pauses.push(pause(&mut prompt));
        }
        assert_eq!(pauses, [32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096]);
    }

    #[test]
    fn a_look_that_brought_something_ends_the_pauses() {
        let mut prompt = Prompt::default();
        prompt.learn(Wait::Look, false);
        prompt.learn(Wait::Look, true);
        assert!(prompt.is_likely());
        prompt.learn(Wait::Look, false);
        assert_eq!(pause(&mut prompt), 32);
    }
}
