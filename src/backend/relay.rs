//! [`FarWatch`]: a watch for threads other than the one that it is lent to.
//!
//! Watches are only lent to a backend, on one thread. What another thread tells its [`FarWatch`] crosses as [`Told`];
//! the teller waits until it was passed on, so that "stop" reaches it at once.

use crossbeam_channel::{Sender, bounded};

use super::{Cancelled, Progress, Watch};
use crate::voxel::SparseVoxels;

/// Something for the watch at a place of a batch.
pub(super) struct Told {
    place: usize,
    what: What,
    answer: Sender<bool>,
}

enum What {
    Progress(Progress),
    Preview(SparseVoxels),
}

impl Told {
    /// Passes it on to the one of these watches that it is for.
    pub(super) fn pass_on(self, watches: &mut [&mut dyn Watch]) {
        let Some(watch) = watches.get_mut(self.place) else {
            return;
        };
        let heard = match self.what {
            What::Progress(progress) => watch.progress(progress),
            What::Preview(voxels) => watch.preview(voxels),
        };
        let _ = self.answer.send(heard.is_ok());
    }
}

/// A watch whose owner is another thread, which passes on what it gets. Where it gets nothing any more, the work shall
/// stop.
pub(super) struct FarWatch<News> {
    place: usize,
    previews: bool,
    news: Sender<News>,
}

impl<News: From<Told>> FarWatch<News> {
    /// Stands for the watch at a place.
    pub(super) fn new(place: usize, watch: &dyn Watch, news: Sender<News>) -> Self {
        Self {
            place,
            previews: watch.wants_previews(),
            news,
        }
    }

    fn tell(&self, what: What) -> Result<(), Cancelled> {
        let (answer, answered) = bounded(1);
        let told = Told {
            place: self.place,
            what,
            answer,
        };
        self.news.send(told.into()).map_err(|_| Cancelled)?;
        match answered.recv() {
            Ok(true) => Ok(()),
            _ => Err(Cancelled),
        }
    }
}

// Derived, it would ask for news that can be cloned.
impl<News> Clone for FarWatch<News> {
    fn clone(&self) -> Self {
        Self {
            place: self.place,
            previews: self.previews,
            news: self.news.clone(),
        }
    }
}

impl<News: From<Told>> Watch for FarWatch<News> {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.tell(What::Progress(progress))
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        self.tell(What::Preview(voxels))
    }

    fn wants_previews(&self) -> bool {
        self.previews
    }
}
