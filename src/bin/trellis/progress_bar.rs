//! [`Bar`]: a backend's progress as a bar on standard error, shown only where that is a terminal.

use std::time::Duration;

use crossworld_trellis::backend::{Cancelled, Progress, Watch};
use crossworld_trellis::voxel::SparseVoxels;
use indicatif::{ProgressBar, ProgressStyle};
use tracing::level_filters::LevelFilter;

/// Follows a backend; one bar that fills once per stage. It disappears when dropped.
pub struct Bar(ProgressBar);

/// The bar's length: fine enough for any terminal.
const LENGTH: u64 = 1000;

impl Bar {
    pub fn new() -> Self {
        // A log and a bar would write over each other.
        let bar = if LevelFilter::current() >= LevelFilter::INFO {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(LENGTH)
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:32} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        let Progress { step, steps, .. } = progress;
        let done = u64::from(step.min(steps)) * LENGTH / u64::from(steps.max(1));
        self.0.set_position(done);
        self.0.set_message(progress.to_string());
        Ok(())
    }

    fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
        Ok(())
    }

    fn wants_previews(&self) -> bool {
        false
    }
}
