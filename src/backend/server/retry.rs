//! [`Retry`]: when a request that came to nothing is sent again.

use std::time::Duration;

use super::ServerError;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that nobody asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How often a connection may be dropped before anything came.
const MAX_DROPS: u32 = 3;

/// Counts the tries of one request.
pub(super) struct Retry {
    left: Duration,
    pause: Duration,
    drops: u32,
}

impl Retry {
    /// Waits for at most `patience` in all.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            left: patience,
            pause: FIRST_PAUSE,
            drops: 0,
        }
    }

    /// The pause before the next try.
    ///
    /// # Errors
    /// The error itself, where there shall be no next try.
    pub(super) fn after(&mut self, error: ServerError) -> Result<Duration, ServerError> {
        let pause = match &error {
            ServerError::Busy { retry_after, .. } => {
                retry_after.map_or(self.pause, |asked| asked.max(FIRST_PAUSE))
            }
            ServerError::Dropped {
                answered: false, ..
            } if self.drops < MAX_DROPS => {
                self.drops += 1;
                self.pause
            }
            _ => return Err(error),
        };
        match self.left.checked_sub(pause) {
            None => Err(error),
            Some(left) => {
                self.left = left;
                self.pause = (2 * self.pause).min(LONGEST_PAUSE);
                Ok(pause)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<u64>) -> ServerError {
        ServerError::Busy {
            status: 429,
            detail: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
            url: String::new(),
        }
    }

    #[test]
    fn pauses_double_up_to_a_longest_one_and_end_with_the_patience() {
        let mut retry = Retry::new(Duration::from_secs(60));
        let pauses: Vec<u128> =
            std::iter::from_fn(|| retry.after(busy(None)).ok().map(|p| p.as_millis())).collect();
        assert_eq!(pauses[..7], [250, 500, 1000, 2000, 4000, 8000, 8000]);
        assert!(pauses.iter().sum::<u128>() <= 60_000);
    }

    #[test]
    fn the_server_says_how_long_to_wait_unless_that_is_too_long() {
        let mut retry = Retry::new(Duration::from_secs(60));
        assert_eq!(retry.after(busy(Some(7))).unwrap(), Duration::from_secs(7));
        assert_eq!(retry.after(busy(Some(0))).unwrap(), FIRST_PAUSE);
        assert!(retry.after(busy(Some(u64::MAX))).is_err());
    }

    #[test]
    fn a_connection_is_opened_again_only_while_nothing_has_come() {
        let dropped = |answered| ServerError::Dropped {
            reason: String::new(),
            answered,
            url: String::new(),
        };
        let mut retry = Retry::new(Duration::from_secs(60));
        for _ in 0..MAX_DROPS {
            assert!(retry.after(dropped(false)).is_ok());
        }
        assert!(retry.after(dropped(false)).is_err());
        assert!(
            Retry::new(Duration::from_secs(60))
                .after(dropped(true))
                .is_err()
        );
    }
}
