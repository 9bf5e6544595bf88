//! [`Python`]: torch works inside this process, through the package `crossworld_trellis` and an embedded Python.
//!
//! No server, and no copy of pictures and results beyond one buffer. The packages are those of the Python that
//! [`super::Interpreter::find`] finds, which must have the version that this program is linked to. Everything in
//! Python happens on one thread ([`thread`]); what the package is asked is in [`session`]. The frame is the wire
//! format's, as with a server. Nothing is downloaded unless this backend is named: see [`Python::examined`].

mod device;
mod embed;
mod error;
mod program;
mod session;
mod thread;
mod trouble;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

pub use error::PythonError;

use self::device::{CPU, may_have_gpu};
use self::session::Description;
use self::thread::{Failure, Made, News, Order, Place, PythonThread};
use super::relay::FarWatch;
use super::{
    Backend, BackendError, BackendInfo, Cancelled, ModelError, ModelFamily, ModelFiles, Progress,
    Prompt, Watch, default_model,
};
use crate::voxel::SparseVoxels;

/// How often a generation that waits for the model to load looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Prompts that are made together on a GPU, as many as a server's.
const TOGETHER: usize = 4;

type End = Result<SparseVoxels, BackendError>;

/// TRELLIS in this process.
pub struct Python {
    place: Place,
    /// A load that nobody waited for yet. It stands before the thread: dropped first, it ends the load.
    loading: Option<Receiver<News>>,
    thread: Option<PythonThread>,
    /// What was found to be here, or the last generation used.
    description: Option<Description>,
    /// What the disk told of the model, once it was looked at.
    family: Option<ModelFamily>,
    /// Why auto should rather take another backend.
    obstacle: Option<Obstacle>,
}

/// Why a generation would not run, or not in reasonable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The checkpoint is not on this machine, or not all of it.
    NoCheckpoint,
    /// The image encoder that goes with the checkpoint is not.
    NoEncoder,
    /// Python knows no GPU that works, or lacks a part of the checkpoint.
    NoGpu,
    /// The process has lost its device.
    Lost,
}

impl Default for Python {
    /// As [`Python::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl Python {
    /// The name it is chosen by.
    pub const NAME: &'static str = "python";

    /// Cells per axis that may be asked for before the model is known.
    const RESOLUTIONS: RangeInclusive<u32> = 1..=1024;

    /// The checkpoint that `TRELLIS_MODEL_PATH` names, in the Python that [`super::Interpreter::find`] finds. Starts
    /// nothing: that is done by the first generation, [`Backend::warm_up`] or [`Python::examined`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            place: Place {
                interpreter: None,
                packages: Vec::new(),
                model: default_model(),
            },
            loading: None,
            thread: None,
            description: None,
            family: None,
            obstacle: None,
        }
    }

    /// The same with the packages of this Python program. A process can use those of one only.
    #[must_use]
    pub fn with_interpreter(mut self, program: impl Into<PathBuf>) -> Self {
        self.place.interpreter = Some(program.into());
        self
    }

    /// The same with one more folder in which Python looks for packages, before all others: for a game that brings
    /// `crossworld_trellis` along.
    #[must_use]
    pub fn with_packages(mut self, folder: impl Into<PathBuf>) -> Self {
        self.place.packages.push(folder.into());
        self
    }

    /// The same with this checkpoint: a folder, or a repository of the hub.
    #[must_use]
    pub fn with_model(mut self, source: impl Into<String>) -> Self {
        self.place.model = source.into();
        self
    }

    /// The same, knowing whether it is ready: how this backend starts, see [`super::Backends::register`].
    ///
    /// Where this machine has no part of the checkpoint, or no driver of a GPU, that is all and takes no time. Else
    /// Python starts and imports torch, which takes seconds, and tells whether the GPU works and the checkpoint is
    /// complete. Only then the backend is ready, so that auto never downloads anything and never works on the CPU;
    /// one that is not ready and yet asked to generate, because it was named, does both.
    ///
    /// # Errors
    /// [`ModelError`] where there can be no such checkpoint, [`PythonError`] where all seems to be there and Python,
    /// torch or the checkpoint is broken.
    pub fn examined(mut self) -> Result<Self, BackendError> {
        let files = self.look()?;
        if !files.has_pipeline {
            self.obstacle = Some(Obstacle::NoCheckpoint);
        } else if !files.has_image_encoder {
            self.obstacle = Some(Obstacle::NoEncoder);
        } else if !may_have_gpu() {
            self.obstacle = Some(Obstacle::NoGpu);
        } else {
            self.find_out()?;
            if self.description.is_none() {
                self.obstacle = Some(Obstacle::NoGpu);
            }
        }
        Ok(self)
    }

    /// Everything besides a prompt that decides what is made of it: versions, checkpoint, device. `None` before
    /// that is known: [`Python::examined`], [`Backend::cache_identity`] and every generation find it out.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.description
            .as_ref()
            .map(|known| known.identity.as_str())
    }

    fn thread(&mut self) -> Result<&PythonThread, PythonError> {
        match &mut self.thread {
            Some(thread) => Ok(thread),
            none => Ok(none.insert(PythonThread::start(self.place.clone())?)),
        }
    }

    fn resolutions(&self) -> RangeInclusive<u32> {
        match &self.description {
            Some(known) => known.resolutions.clone(),
            None => Self::RESOLUTIONS,
        }
    }

    /// Looks for the checkpoint on the disk.
    fn look(&mut self) -> Result<ModelFiles, ModelError> {
        let files = ModelFiles::of(&self.place.model)?;
        self.family = files.family;
        Ok(files)
    }

    /// Finds out what would run, unless that is known, without waiting for weights.
    fn find_out(&mut self) -> Result<(), PythonError> {
        let is_here = |files: ModelFiles| files.are_here();
        if self.description.is_some() || !self.look().is_ok_and(is_here) {
            return Ok(());
        }
        if self.loading.is_none() {
            let news = self.thread()?.examine();
            return match news.recv() {
                Ok(News::Examined(found)) => self.note_found(found?),
                _ => Err(PythonError::Thread("has died")),
            };
        }
        while let Some(news) = &self.loading {
            match news.recv() {
                Ok(News::Loading(_)) => {}
                Ok(News::Examined(found)) => return self.note_found(found?),
                end => self.note_loaded(end.map_err(Into::into)),
            }
        }
        Ok(())
    }

    fn note_found(&mut self, found: Option<Description>) -> Result<(), PythonError> {
        if let Some(description) = found {
            self.note(description);
        }
        Ok(())
    }

    /// Waits until the model is loaded that was begun to be loaded earlier, or nobody waits any more: those get their
    /// end. How it went is only logged: where it failed, the generation itself tries once more.
    fn finish_loading(&mut self, ends: &mut [Option<End>], watches: &mut [&mut dyn Watch]) {
        let mut last = Progress::LOADING;
        while let Some(news) = &self.loading {
            if ends.iter().all(Option::is_some) {
                return;
            }
            match news.recv_timeout(LOOK) {
                Ok(News::Loading(progress)) => last = progress,
                Ok(News::Examined(_)) | Err(RecvTimeoutError::Timeout) => {}
                end => return self.note_loaded(end),
            }
            for (end, watch) in ends.iter_mut().zip(watches.iter_mut()) {
                if end.is_none() {
                    *end = watch.progress(last).err().map(|stop| Err(stop.into()));
                }
            }
        }
    }

    fn note_loaded(&mut self, end: Result<News, RecvTimeoutError>) {
        self.loading = None;
        match end {
            Ok(News::Loaded(Ok(description))) => self.note(description),
            Ok(News::Loaded(Err(Failure::Error(error)))) => {
                tracing::warn!("the model did not load ahead: {error}");
            }
            _ => tracing::warn!("the model did not load ahead"),
        }
    }

    /// Has the prompts made that have no end yet.
    fn make(
        &mut self,
        prompts: &[Prompt],
        ends: &mut [Option<End>],
        watches: &mut [&mut dyn Watch],
    ) -> Result<(), PythonError> {
        let open = prompts.iter().zip(&*watches).zip(&*ends).enumerate();
        let open = open.filter(|(_, (_, end))| end.is_none());
        let order = |news: &Sender<News>| {
            let orders = open.map(|(place, ((prompt, watch), _))| Order {
                pictures: prompt.pictures.clone(),
                seed: prompt.seed,
                resolution: prompt.resolution,
                watch: FarWatch::new(place, &**watch, news.clone()),
            });
            orders.collect()
        };
        for news in self.thread()?.make(order) {
            match news {
                News::Told(told) => told.pass_on(watches),
                News::Made(made) => {
                    self.note_made(made, ends);
                    return Ok(());
                }
                News::Loading(_) | News::Examined(_) | News::Loaded(_) => {}
            }
        }
        // The next generation starts another thread.
        self.thread = None;
        Err(PythonError::Thread("has died"))
    }

    fn note_made(&mut self, made: Result<Made, Failure>, ends: &mut [Option<End>]) {
        let open = ends.iter_mut().filter(|end| end.is_none());
        match made {
            Ok((made, running)) => {
                if let Some(description) = running {
                    self.note(description);
                }
                for (end, made) in open.zip(made) {
                    *end = Some(made.map_err(|failure| self.fail(failure)));
                }
            }
            Err(failure) => {
                for end in open {
                    *end = Some(Err(self.fail(failure.clone())));
                }
            }
        }
    }

    /// Notes what is loaded; auto leaves the CPU to others even so.
    fn note(&mut self, description: Description) {
        self.obstacle = (description.device == CPU).then_some(Obstacle::NoGpu);
        self.description = Some(description);
        // It may have been downloaded for this.
        if let Err(error) = self.look() {
            tracing::debug!("the checkpoint in use is no longer there: {error}");
        }
    }

    fn fail(&mut self, failure: Failure) -> BackendError {
        match failure {
            Failure::Cancelled => Cancelled.into(),
            Failure::Error(error) => {
                if matches!(error, PythonError::DeviceLost(_)) {
                    self.obstacle = Some(Obstacle::Lost);
                }
                error.into()
            }
        }
    }
}

impl Backend for Python {
    fn describe(&self) -> BackendInfo {
        let known = self.description.as_ref();
        let model = known.map_or(&self.place.model, |known| &known.model);
        let device = known.map_or("this machine, not loaded", |known| &known.device);
        let why_not = match self.obstacle {
            Some(Obstacle::NoCheckpoint) => ", no checkpoint was downloaded",
            Some(Obstacle::NoEncoder) => ", its image encoder was not downloaded",
            Some(Obstacle::NoGpu) => ", without a GPU that torch can use",
            Some(Obstacle::Lost) => ", lost until the program is started again",
            None => "",
        };
        BackendInfo {
            name: Self::NAME,
            model: model.clone(),
            family: self.family.or_else(|| {
                let files = ModelFiles::of(&self.place.model);
                files.ok().and_then(|files| files.family)
            }),
            device: format!("{device}{why_not}"),
            ready: self.obstacle.is_none(),
            resolutions: self.resolutions(),
        }
    }

    fn warm_up(&mut self) {
        if self.loading.is_some() {
            return;
        }
        match self.thread() {
            Ok(thread) => self.loading = Some(thread.load()),
            Err(error) => tracing::warn!("the model does not load ahead: {error}"),
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        let mut ends = self.generate_batch(std::slice::from_ref(prompt), &mut [watch]);
        ends.pop().unwrap_or(Err(BackendError::NoPicture))
    }

    /// On a CPU a batch is hardly quicker, and its first result comes with its last; so it is with a model that makes
    /// one thing after the other anyway.
    fn batch_size(&self) -> usize {
        match &self.description {
            Some(known) if known.device != CPU => TOGETHER.min(known.together),
            _ => 1,
        }
    }

    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        let possible = self.resolutions();
        let mut ends: Vec<Option<End>> = prompts
            .iter()
            .map(|prompt| prompt.check(Self::NAME, &possible).err().map(Err))
            .collect();
        self.finish_loading(&mut ends, watches);
        let all_made = if ends.iter().all(Option::is_some) {
            Ok(())
        } else {
            self.make(prompts, &mut ends, watches)
        };
        let missing = all_made
            .err()
            .unwrap_or(PythonError::Thread("gave no answer"));
        let ends = ends.into_iter();
        ends.map(|end| end.unwrap_or_else(|| Err(missing.clone().into())))
            .collect()
    }

    /// Starts Python where need be; weights are not loaded for it.
    fn make_ready(&mut self, watch: &mut dyn Watch) -> Result<(), BackendError> {
        watch.progress(Progress::LOADING)?;
        Ok(self.find_out()?)
    }

    /// Starts Python where need be, since what it would run is known before weights are loaded.
    fn cache_identity(&mut self) -> Option<String> {
        if let Err(error) = self.find_out() {
            // The generation that follows meets it again.
            tracing::debug!("what Python would run cannot be told: {error}");
        }
        self.identity().map(Into::into)
    }
}
